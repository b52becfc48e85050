"""The service as a process: it starts, answers, stops in order, and says what is wrong."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lexiseg import cli
from tests.web.colours import flag

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are Unix's")
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, threading
from tests.web import colours
from lexiseg import cli
with colours.registered():
    if "HELD" in os.environ:
        colours.Colours.gate.clear()
        threading.Timer(float(os.environ["HELD"]), colours.Colours.gate.set).start()
    cli.main()
"""
BOUNDARY = "edge-of-a-part"


class Served:
    """A running service."""

    def __init__(self, *words: str, **environment: str) -> None:
        command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0", *words]
        self.process = subprocess.Popen(
            [*command, "--method", "colours"],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        found = re.search(r"Serving on (http://\S+)", self.process.stderr.readline())
        assert found
        self.address = found[1]

    def ask(self, **headers: str) -> bytes:
        """The answer to a question about a flag."""
        field = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
        text = f'{field}"names"\r\n\r\nred\r\n{field}"image"; filename="a.png"\r\n\r\n'
        body = text.encode() + flag("red", "blue")
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        request = urllib.request.Request(
            f"{self.address}/v1/segment", body + f"\r\n--{BOUNDARY}--\r\n".encode(), kind | headers
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and last words."""
        self.process.send_signal(number)
        words = self.process.communicate(timeout=60)[1]
        return self.process.returncode, words


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts services and sees that none is left."""
    started: list[Served] = []

    def start(*words: str, **environment: str) -> Served:
        started.append(Served(*words, **environment))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_stops_with_exit_code_0(serve: Callable[..., Served], number: int) -> None:
    served = serve()
    assert b'"label":"red"' in served.ask()
    code, words = served.stop(number)
    assert code == 0 and words.strip().endswith("Stopped.") and "Traceback" not in words


def test_a_question_that_has_begun_is_answered_before_it_stops(
    serve: Callable[..., Served],
) -> None:
    served = serve(HELD="3")
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(served.ask()))
    asking.start()
    while b"lexiseg_jobs 1.0" not in urllib.request.urlopen(f"{served.address}/metrics").read():
        pass
    assert served.stop()[0] == 0
    asking.join(30)
    assert b'"label":"red"' in answers[0]


def test_the_token_may_stand_in_the_environment(serve: Callable[..., Served]) -> None:
    served = serve(LEXISEG_TOKEN="sesame")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        served.ask()
    assert b'"label":"red"' in served.ask(Authorization="Bearer sesame")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", *words])
    return ended.value.code, capsys.readouterr().err.strip()


def test_an_address_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = str(place.getsockname()[1])
        code, words = run(capsys, "--port", port)
    assert code == 2 and port in words and "choose another --port" in words
    assert words.count("\n") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--method", "nobody"), "Unknown method 'nobody'"),
        (("--method", "clipseg"), "Unknown preset 'mini'"),
        (("--preset", "nothing"), "Unknown preset 'nothing'"),
        (("--max-mb", "0"), "Limit megabytes is 0"),
        (("--set", "nonsense=1", "--method", "sclip"), "nonsense"),
        (("--host", "203.0.113.7"), "203.0.113.7"),
    ],
)
def test_what_cannot_be_served(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    code, sentence = run(capsys, "--port", "0", *words)
    assert code == 2 and told in sentence and sentence.count("\n") == 0


def test_without_its_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lexiseg.web.app", None)
    code, sentence = run(capsys)
    assert code == 2 and "pip install 'lexiseg[web]'" in sentence
