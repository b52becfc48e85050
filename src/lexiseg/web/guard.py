"""What stands between the network and the service: bounds, the token, headers."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lexiseg.web.limits import ServiceLimits
from lexiseg.web.model_worker import ModelWorker
from lexiseg.web.refusal import RefusedError, busy, too_large

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
GUARDED = ("/v1/", "/sam3/", "/metrics")  # what a token is for
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets through what may come in, with its whole body in memory.

    Args:
        app: what answers.
        limits: of bytes, seconds and requests at a time.
        worker: says when to come again.
        host: that the service listens on; on a loopback address no other name of a host is
            answered, so that a page on the web cannot reach it under a name of its own.
        token: that clients must send; "" for none.
        origins: of pages on other hosts that may ask.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: ServiceLimits,
        worker: ModelWorker,
        host: str,
        token: str,
        origins: tuple[str, ...],
    ) -> None:
        self._app, self._limits, self._worker, self._token = app, limits, worker, token
        self._hosts = LOOPBACK | {host} if host in LOOPBACK else frozenset[str]()
        self._origins = origins
        self._open = Counter[str]()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        try:
            self._check(scope)
            if scope["method"] != "POST":
                await self._app(scope, receive, send)
                return
            with self._admitted(scope):
                await self._answer(scope, receive, send)
        except RefusedError as error:
            await refusal_response(error)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = bytearray()
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    chunk: bytes = message.get("body", b"")
                    self._bytes += len(chunk)
                    taken += len(chunk)
                    self._require_room(taken)
                    body += chunk
                    more = message.get("more_body", False)
            await self._app(scope, _replayed(bytes(body), receive), send)
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The request did not arrive within {self._limits.seconds:g} seconds.",
            ) from None
        finally:
            self._bytes -= taken

    def _require_room(self, taken: int) -> None:
        if taken > self._limits.body_bytes:
            raise self._too_many_bytes()
        if self._bytes > self._limits.bytes_at_a_time:
            raise busy("Too many pictures are arriving at once; send it again.", 1)

    def _too_many_bytes(self) -> RefusedError:
        most = self._limits.megabytes
        return too_large(f"The request is larger than the {most:g} MB allowed; scale it down.")

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._hosts and _host_of(headers) not in self._hosts:
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST, "This service answers on this machine only."
            )
        foreign = headers.get("sec-fetch-site") == "cross-site"
        if foreign and headers.get("origin") not in self._origins and scope["method"] != "GET":
            raise RefusedError(HTTPStatus.FORBIDDEN, "Pages of other sites may not ask.")
        if self._token and scope["path"].startswith(GUARDED) and scope["method"] != "OPTIONS":
            self._require_token(headers)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._limits.body_bytes:
            raise self._too_many_bytes()

    def _require_token(self, headers: Headers) -> None:
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        given = bearer or headers.get("token", "")
        sent = given.encode("latin-1")  # as it came over the wire
        if not secrets.compare_digest(sent, self._token.encode()):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "Send the token as: Authorization: Bearer TOKEN"
            )

    @contextmanager
    def _admitted(self, scope: Scope) -> Iterator[None]:
        """One of the requests that are open at a time."""
        address = scope["client"][0] if scope.get("client") else ""
        wait = self._worker.retry_after
        if self._open.total() >= self._limits.open_requests:
            raise busy(f"All {self._limits.open_requests} places are taken; ask again.", wait)
        if self._open[address] >= self._limits.open_per_client:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"You have {self._limits.open_per_client} questions open; wait for an answer.",
                wait,
            )
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forgets addresses without open requests


def refusal_response(error: RefusedError) -> JSONResponse:
    """``{"error": "one sentence"}``."""
    return JSONResponse({"error": error.sentence}, error.status, error.headers)


def _host_of(headers: Headers) -> str:
    return urlsplit(f"//{headers.get('host', '')}").hostname or ""


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body in one message; whatever comes after it as it comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
