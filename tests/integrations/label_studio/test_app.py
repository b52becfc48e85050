"""The routes of the backend, as Label Studio calls them."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

import lexiseg
from lexiseg.integrations.label_studio import app as app_module
from lexiseg.integrations.label_studio.backend import LabelStudioBackend
from lexiseg.integrations.label_studio.pictures import TaskPictures
from tests.integrations.label_studio.test_backend import INTERFACE, mini_segmenter, task

pytest.importorskip("starlette", reason="extra label-studio")


def call(app, method, path, body=b"", headers=()):
    """One request, answered by the application itself: status and parsed JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "headers": list(headers), "query_string": b"", "http_version": "1.1", "scheme": "http",
        "root_path": "",
    }  # fmt: skip
    sent = []

    async def run():
        messages = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive():
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)

    asyncio.run(run())
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], (json.loads(text) if text.startswith((b"{", b"[")) else text)


@pytest.fixture
def backend(picture_file):
    pictures = TaskPictures(picture_file.parent)
    return LabelStudioBackend(lexiseg.load("color-objects"), mini_segmenter, pictures)


@pytest.fixture
def app(backend):
    return app_module.create_app(backend)


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health(app, path):
    assert call(app, "GET", path) == (200, {"status": "UP", "model_class": "LabelStudioBackend"})
    assert call(app, "GET", "/metrics")[0] == 200


def test_setup_tells_the_version_and_takes_the_token(app, backend):
    body = {"project": "3.1700000000", "schema": "<View></View>", "access_token": "t"}
    assert call(app, "POST", "/setup", body) == (200, {"model_version": backend.version})
    assert backend.pictures.key == "t"
    call(app, "POST", "/setup", {**body, "access_token": "another"})
    assert backend.pictures.key == "t"


def test_predict_gives_one_result_per_task(app):
    body = {
        "tasks": [task(), task("gone.png", 2)],
        "model_version": None,
        "project": "3.1700000000",
        "label_config": INTERFACE,
        "params": {"login": None, "password": None, "context": None},
    }
    status, answer = call(app, "POST", "/predict", body)
    first, second = answer["results"]
    assert status == 200 and len(first["result"]) == 2 and "error" in second
    context = {"result": [{"type": "textarea", "value": {"text": ["red"]}}]}
    body = {**body, "tasks": [task()], "params": {"context": context}}
    status, answer = call(app, "POST", "/predict", body)
    assert [entry["value"]["brushlabels"] for entry in answer["results"][0]["result"]] == [["red"]]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"3", b"[]", {}, {"tasks": 3}, {"tasks": [3]}, {"tasks": [], "label_config": 3}],
)
def test_an_odd_request_is_one_sentence(app, body):
    status, answer = call(app, "POST", "/predict", body)
    assert status == 400 and list(answer) == ["error"] and "\n" not in answer["error"]


def test_webhooks(app):
    assert call(app, "POST", "/webhook", {"action": "ANNOTATION_CREATED"})[0] == 201
    assert call(app, "POST", "/webhook", {"action": "x"}) == (200, {"status": "Unknown event"})


def test_large_requests_are_refused(app, monkeypatch):
    monkeypatch.setattr(app_module, "MOST_BYTES", 10)
    assert call(app, "POST", "/predict", {"tasks": []})[0] == 400


def test_the_password_is_asked_for(backend):
    app = app_module.create_app(backend, "me", "secret")
    body = {"action": "x"}
    right = base64.b64encode(b"me:secret")
    wrong = base64.b64encode(b"me:other")
    for header, status in ((b"Basic " + right, 200), (b"Basic " + wrong, 401), (b"%%", 401)):
        assert call(app, "POST", "/webhook", body, [(b"authorization", header)])[0] == status
    assert call(app, "POST", "/webhook", body)[0] == 401
    assert call(app, "GET", "/health")[0] == 200
