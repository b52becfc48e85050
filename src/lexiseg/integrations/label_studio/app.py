"""The routes of a machine-learning backend, as Label Studio calls them."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lexiseg.errors import LexisegError, UsageError
from lexiseg.integrations.label_studio.backend import LabelStudioBackend

MOST_BYTES = 50_000_000
"""Of one request: tasks name their pictures, but may hold what was annotated before."""

_EVENTS = {"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED", "START_TRAINING"}
Body = Mapping[str, object]
Answered = Callable[[Request], Awaitable[Response]]


def create_app(backend: LabelStudioBackend, user: str = "", password: str = "") -> Starlette:
    """The program that a server runs.

    Args:
        backend: that answers.
        user: name for basic authentication; "" asks for none.
        password: for it.
    """
    routes = _Routes(backend)
    guarded = _guarded(user, password)
    return Starlette(
        routes=[
            Route("/", routes.health),
            Route("/health", routes.health),
            Route("/metrics", routes.metrics),
            Route("/predict", guarded(routes.predict), methods=["POST"]),
            Route("/setup", guarded(routes.setup), methods=["POST"]),
            Route("/webhook", guarded(routes.webhook), methods=["POST"]),
        ]
    )


class _Routes:
    """Each takes a request of the program and gives its answer."""

    def __init__(self, backend: LabelStudioBackend) -> None:
        self._backend = backend

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "UP", "model_class": type(self._backend).__name__})

    async def metrics(self, request: Request) -> Response:
        return JSONResponse({})

    async def setup(self, request: Request) -> Response:
        """The program tells its project and an access token, and wants to know the version."""
        body, pictures = await _body(request), self._backend.pictures
        token = body.get("access_token")
        if isinstance(token, str) and not pictures.key:
            pictures.key = token
        return JSONResponse({"model_version": self._backend.version})

    async def webhook(self, request: Request) -> Response:
        """Nothing is learnt from annotations."""
        action = (await _body(request)).get("action")
        if action not in _EVENTS:
            return JSONResponse({"status": "Unknown event"})
        return JSONResponse({"status": "ok", "result": {}}, 201)

    async def predict(self, request: Request) -> Response:
        body = await _body(request)
        tasks, config, params = (body.get(key) for key in ("tasks", "label_config", "params"))
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise UsageError("The request has no list of tasks.")
        context = params.get("context") if isinstance(params, dict) else None
        drawn = context if isinstance(context, dict) else None
        found = await run_in_threadpool(self._backend.predict, tasks, str(config or ""), drawn)
        return JSONResponse({"results": found})


def _guarded(user: str, password: str) -> Callable[[Answered], Answered]:
    """Routes for who knows the password, whose every error is one sentence."""

    def guard(route: Answered) -> Answered:
        async def answer(request: Request) -> Response:
            if user and not _is_known(request.headers.get("authorization", ""), user, password):
                headers = {"WWW-Authenticate": "Basic"}
                return JSONResponse({"error": "Send the user and password."}, 401, headers)
            try:
                return await route(request)
            except LexisegError as error:
                return JSONResponse({"error": str(error)}, 400)

        return answer

    return guard


def _is_known(header: str, user: str, password: str) -> bool:
    try:
        given = base64.b64decode(header.removeprefix("Basic "), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secrets.compare_digest(given, f"{user}:{password}".encode())


async def _body(request: Request) -> Body:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise UsageError(f"The request is larger than {MOST_BYTES} bytes; send fewer tasks.")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError("The request is no JSON.") from error
    if not isinstance(body, dict):
        raise UsageError("The request is no JSON object.")
    return body
