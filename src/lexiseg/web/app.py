"""The service on HTTP: its own interface under /v1, those of two other programs, and the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from http import HTTPStatus
from time import perf_counter

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import lexiseg
from lexiseg.web import page
from lexiseg.web.compat import anylabeling, roboflow
from lexiseg.web.guard import Guard, refusal_response
from lexiseg.web.interface import interface
from lexiseg.web.measures import ServiceMeasures
from lexiseg.web.refusal import RefusedError
from lexiseg.web.service import SegmentationService
from lexiseg.web.settings import ServiceSettings
from lexiseg.web.shelf import MethodShelf


def create_app(settings: ServiceSettings) -> FastAPI:
    """A service as an ASGI application.

    Args:
        settings: what it offers.

    Raises:
        UnknownNameError: there is no such method.
    """
    required = bool(settings.methods) or not settings.bundled
    shelf = MethodShelf(settings.offered, settings.preset, settings.loading, required=required)
    service = SegmentationService(shelf, settings.limits)
    measures = ServiceMeasures(service)
    app = FastAPI(
        title="lexiseg",
        version=lexiseg.__version__,
        description="Segment anything you can name. " + settings.caution,
        lifespan=_life(service),
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(interface(service, measures, settings))
    app.include_router(anylabeling.routes(service))
    app.include_router(roboflow.routes(service))
    app.include_router(page.routes())
    app.add_exception_handler(HTTPException, _no_such_page)
    app.add_middleware(
        Guard,
        limits=settings.limits,
        worker=service.worker,
        host=settings.host,
        token=settings.token,
        origins=settings.origins,
    )
    app.add_middleware(_Measured, measures=measures)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.origins, allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Token"],
        )  # fmt: skip
    return app


def _life(service: SegmentationService) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load_all())
        try:
            yield
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading
            service.worker.stop()

    return life


async def _no_such_page(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    sentences = {
        HTTPStatus.NOT_FOUND: "There is no such page; /openapi.json lists those there are.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This page takes another method of HTTP; see /openapi.json.",
    }
    refused = RefusedError(status, sentences.get(status, status.phrase))
    response = refusal_response(refused)
    response.headers.update(error.headers or {})
    return response


class _Measured:
    """Counts requests by route and status."""

    def __init__(self, app: ASGIApp, measures: ServiceMeasures) -> None:
        self._app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, noting)
        route = getattr(scope.get("route"), "path", "none")
        self._measures.count(route, status, perf_counter() - begin)
