"""What is not let in, and what is said of it."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from lexiseg.web.guard import HEADERS
from tests.web.colours import Colours, flag

FLAG = flag("red", "green", "blue")
Serve = Callable[..., TestClient]


def ask(client: TestClient, file: bytes = FLAG, names: object = "red", **headers: str):
    fields = {"names": names}
    return client.post(
        "/v1/segment", files={"image": ("flag.png", file)}, data=fields, headers=headers
    )


def refusal(answer) -> str:
    assert answer.json().keys() == {"error"}
    sentence = answer.json()["error"]
    assert "\n" not in sentence
    return sentence


def large(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def test_too_many_bytes(serve: Serve) -> None:
    answer = ask(serve(megabytes=0.001), b"x" * 2000)
    assert answer.status_code == 413 and "0.001 MB" in refusal(answer)


def test_too_many_bytes_of_which_the_length_was_not_said(serve: Serve) -> None:
    def pieces():
        for _ in range(50):
            yield b"x" * 100

    answer = serve(megabytes=0.001).post("/v1/segment", content=pieces())
    assert answer.status_code == 413 and "0.001 MB" in refusal(answer)


def test_too_many_pixels_are_seen_before_they_are_decoded(serve: Serve) -> None:
    client = serve(megapixels=0.01)
    assert ask(client, large(100, 100)).status_code == 200
    answer = ask(client, large(101, 100))
    assert answer.status_code == 413 and "0.01" in refusal(answer)


def test_a_bomb_is_too_many_pixels(client: TestClient) -> None:
    stream = io.BytesIO()
    Image.new("1", (30_000, 15_000)).save(stream, format="PNG")
    answer = ask(client, stream.getvalue())
    assert answer.status_code == 413 and "megapixels" in refusal(answer)


def test_too_many_and_too_long_names(serve: Serve) -> None:
    client = serve(names=2, letters=5)
    assert ask(client, names=["a", "b"]).status_code == 200
    for names in (["a", "b", "c"], ["abcdef"]):
        answer = ask(client, names=names)
        assert answer.status_code == 422 and "at most" in refusal(answer)


def test_an_answer_that_takes_too_long(serve: Serve) -> None:
    client = serve(seconds=1)  # the request itself must arrive within it, too
    Colours.gate.clear()
    try:
        answer = ask(client)
    finally:
        Colours.gate.set()
    assert answer.status_code == 503 and "1 seconds" in refusal(answer)
    assert int(answer.headers["retry-after"]) >= 1
    assert ask(serve(seconds=30)).status_code == 200


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"open_requests": 2, "open_per_client": 9}, 503),
        ({"open_requests": 9, "open_per_client": 2}, 429),
    ],
)
def test_too_many_questions_at_a_time(serve: Serve, limits: dict, status: int) -> None:
    client = serve(**limits)
    Colours.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, client) for _ in range(2)]
        try:
            wait_for_jobs(client, 2)
            answer = ask(client)
        finally:
            Colours.gate.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert answer.status_code == status
    assert refusal(answer) and int(answer.headers["retry-after"]) >= 1
    assert ask(client).status_code == 200  # places are free again


def wait_for_jobs(client: TestClient, number: int) -> None:
    """Comes back when so many questions have a place, by the service's own count."""
    tick = threading.Event()
    for _ in range(3000):
        if f"lexiseg_jobs {number}.0" in client.get("/metrics").text:
            return
        tick.wait(0.01)
    raise AssertionError(f"never {number} jobs")


def test_facts_are_told_while_no_question_is_taken(serve: Serve) -> None:
    client = serve(open_requests=1)
    Colours.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, client)
        try:
            wait_for_jobs(client, 1)
            health = client.get("/health").json()["status"]
        finally:
            Colours.gate.set()
        assert health == "ok"
        assert waiting.result().status_code == 200


def test_a_token_in_either_header(serve: Serve) -> None:
    client = serve(token="open sesame")
    for headers in ({}, {"Authorization": "Bearer x"}, {"Token": "open sesam"}):
        answer = ask(client, **headers)
        assert answer.status_code == 401 and "Bearer" in refusal(answer)
    assert ask(client, Authorization="Bearer open sesame").status_code == 200
    assert ask(client, Token="open sesame").status_code == 200


def test_what_a_token_is_for(serve: Serve) -> None:
    client = serve(token="t")
    closed = {path: client.get(path).status_code for path in ("/v1/models", "/metrics")}
    open_ = {path: client.get(path).status_code for path in ("/", "/health", "/openapi.json")}
    assert set(closed.values()) == {401} and set(open_.values()) == {200}


def test_a_token_beyond_ascii(serve: Serve) -> None:
    client = serve(token="schlüssel")
    assert ask(client, Token="x").status_code == 401
    given = {"Token": "schlüssel".encode()}
    assert client.get("/v1/models", headers=given).status_code == 200


def test_another_name_of_the_host_is_not_answered(serve: Serve) -> None:
    client = serve(host="127.0.0.1")
    for host in ("localhost:8000", "127.0.0.1", "[::1]:9"):
        assert client.get("/health", headers={"Host": host}).status_code == 200
    answer = client.get("/health", headers={"Host": "evil.example:8000"})
    assert answer.status_code == 421 and "this machine only" in refusal(answer)


def test_pages_of_other_sites_may_not_ask_unless_allowed(serve: Serve) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.org"}
    answer = ask(serve(), **foreign)
    assert answer.status_code == 403 and "other sites" in refusal(answer)
    assert "access-control-allow-origin" not in answer.headers
    allowed = ask(serve(origins=("https://example.org",)), **foreign)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://example.org"


@pytest.mark.parametrize("path", ["/", "/nix", "/v1/models", "/static/page.js", "/examples/0.png"])
def test_every_answer_has_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name.lower() for name in HEADERS} <= headers.keys()
    assert "unsafe" not in headers["content-security-policy"]


def test_refusals_have_the_headers_too(serve: Serve) -> None:
    answer = ask(serve(megabytes=0.001), b"x" * 2000)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_store_forgets_the_oldest_picture(serve: Serve) -> None:
    pictures = [flag("red", width=100 + number, height=100) for number in range(4)]
    client = serve(store_megabytes=0.1)  # three pictures of 30 kB
    names = [
        client.post("/v1/images", json={"image": base64.b64encode(one).decode()}).json()["image_id"]
        for one in pictures
    ]
    statuses = [
        client.post("/v1/segment", json={"image_id": name, "names": "red"}).status_code
        for name in names
    ]
    assert statuses == [404, 200, 200, 200]
