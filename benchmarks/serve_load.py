"""A service under four times its rated load: right answers, and polite refusals of the rest?

    python -m benchmarks.serve_load --seconds 60

Starts ``lexiseg serve`` with the bundled weights, takes the answers to a few questions one by
one as truth and their rate as the rated load, then asks four times as often for a while. Every
answer must be the truth of its own question; everything else must be a refusal with a time to
come again. Needs Linux, for the memory of the service.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from PIL import Image

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.web.examples import example_scene

PICTURES, QUESTIONS, SIZE = 6, 3, 320
OVERLOAD = 4
Request = dict[str, object]


@dataclass
class Tally:
    """What became of the requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    wrong: int = 0
    rude: int = 0  # refused without a sentence or a time to come again
    lost: int = 0


@contextmanager
def service(method: str) -> Iterator[tuple[str, int]]:
    """Address and process number of a service."""
    words = ["serve", "--port", "0", "--method", method]
    process = subprocess.Popen(
        [sys.executable, "-m", "lexiseg", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        found = re.search(r"Serving on (\S+)", process.stderr.readline() if process.stderr else "")
        if not found:
            raise SystemExit("The service did not start.")
        yield found[1], process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def post(address: str, path: str, body: Request) -> tuple[int, dict[str, object], str | None]:
    """Status, answer and what is said of coming again."""
    data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}{path}", data, kind)
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:
            return answer.status, json.loads(answer.read()), None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers["Retry-After"]


def questions(address: str) -> list[Request]:
    """A few about each of a few pictures, which are encoded already."""
    world = Miniworld(split="test", size=SIZE, seed=5, things=(2, 4))
    asked: list[Request] = []
    for number in range(PICTURES):
        scene = world[number]
        stream = io.BytesIO()
        Image.fromarray(scene.image).save(stream, format="PNG")
        file = base64.b64encode(stream.getvalue()).decode()
        name = post(address, "/v1/images", {"image": file})[1]["image_id"]
        words = [*scene.names, *scene.absent(4)]
        asked += [{"image_id": name, "names": words[start:]} for start in range(QUESTIONS)]
    return asked


def content(answer: dict[str, object]) -> str:
    """What of an answer may not change."""
    return json.dumps([answer.get("instances"), answer.get("presence")])


def truths(address: str, asked: list[Request]) -> tuple[list[str], list[float]]:
    """The right answers, and the milliseconds that second questions took one by one."""
    right, milliseconds = [], []
    for question in asked:
        post(address, "/v1/segment", question)
        begin = time.perf_counter()
        right.append(content(post(address, "/v1/segment", question)[1]))
        milliseconds.append(1000 * (time.perf_counter() - begin))
    return right, milliseconds


def overload(
    address: str, asked: list[Request], right: list[str], rate: float, seconds: float
) -> Tally:
    """Ask at a rate, whatever becomes of the requests before."""
    tally = Tally()

    def one(number: int) -> None:
        begin = time.perf_counter()
        try:
            status, answer, again = post(address, "/v1/segment", asked[number % len(asked)])
        except OSError:
            tally.lost += 1
            return
        tally.statuses[status] += 1
        if status == 200:
            tally.milliseconds.append(1000 * (time.perf_counter() - begin))
            tally.wrong += content(answer) != right[number % len(asked)]
        else:
            tally.rude += not (status in (429, 503) and answer.get("error") and again)

    start = time.perf_counter()
    with ThreadPoolExecutor(64) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
            pool.submit(one, number)
    return tally


def peak_megabytes(process: int) -> float:
    """The most memory that a process has had."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+)", text)[0]) / 1000


def processor_seconds(process: int) -> float:
    """What a process has computed so far."""
    ticks = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def first_answer(address: str) -> None:
    """Ask about a picture that is new, as somebody does who has just started the service."""
    scene = example_scene(0)
    file = base64.b64encode(scene.png).decode()
    post(address, "/v1/segment", {"image": file, "names": [*scene.present, *scene.absent]})


def main() -> None:
    """Measure and print; leave with 1 if a request was lost, mixed up or refused rudely."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--method", default="car")
    options = parser.parse_args()
    begin = time.perf_counter()
    with service(options.method) as (address, process):
        first_answer(address)
        waited, computed = time.perf_counter() - begin, processor_seconds(process)
        asked = questions(address)
        right, alone = truths(address, asked)
        before = peak_megabytes(process)
        rated = 1000 * len(alone) / sum(alone)
        tally = overload(address, asked, right, OVERLOAD * rated, options.seconds)
        after = peak_megabytes(process)
    took, statuses = tally.milliseconds, dict(sorted(tally.statuses.items()))
    print(f"method {options.method}, {SIZE}x{SIZE} pixels, {os.cpu_count()} cores")
    print(
        f"from the command to the first answer: {waited:.1f} s, {computed:.1f} s of the processor"
    )
    print(f"second question, alone: median {median(alone):.0f} ms")
    print(f"rated load: {rated:.1f} questions per second")
    print(f"{OVERLOAD} times that for {options.seconds:g} s: {statuses}")
    print(f"those answered: median {median(took):.0f} ms, most {max(took):.0f} ms")
    print(f"lost {tally.lost}, mixed up {tally.wrong}, refused rudely {tally.rude}")
    print(f"most memory: {before:.0f} MB before, {after:.0f} MB after")
    sys.exit(1 if tally.lost or tally.wrong or tally.rude else 0)


if __name__ == "__main__":
    main()
