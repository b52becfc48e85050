"""The service's own interface, under /v1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from mimetypes import guess_type
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from lexiseg.registry import WRITERS
from lexiseg.web.answers import AnswerBody
from lexiseg.web.asking import (
    FORM,
    JSON,
    AnyQuestion,
    FilesBody,
    LabelBody,
    PictureBody,
    ReferBody,
    SegmentBody,
    asked,
)
from lexiseg.web.compat import anylabeling
from lexiseg.web.measures import ServiceMeasures
from lexiseg.web.sentences import Plain, gone, refusals
from lexiseg.web.service import SegmentationService
from lexiseg.web.settings import ServiceSettings

QUESTIONS: dict[type[AnyQuestion], str] = {
    SegmentBody: "Find named things; names that are not there are refused with the reason",
    ReferBody: "Find what sentences describe",
    LabelBody: "Segments that name themselves",
}
_FILE = {"type": "string", "format": "binary", "description": "The picture's file."}
Endpoint = Callable[[Request], Awaitable[Response]]


class EncodedBody(BaseModel):
    """A picture that is kept."""

    image_id: str
    size: tuple[int, int]
    expires_in_s: float
    encode_ms: float


def interface(
    service: SegmentationService, measures: ServiceMeasures, settings: ServiceSettings
) -> APIRouter:
    """All routes of it."""
    router = APIRouter(route_class=Plain)
    router.add_api_route(
        "/v1/images",
        _encoding(service),
        summary="Keep a picture for questions, encoded for a method if one is named",
        **_described(PictureBody, EncodedBody),
    )
    router.add_api_route(
        "/v1/images/{image_id}",
        _showing(service),
        summary="A kept picture as PNG",
        responses=refusals(),
        response_class=Response,
    )
    for kind, summary in QUESTIONS.items():
        path = f"/v1/{kind.__name__.removesuffix('Body').lower()}"
        route = _answering(service, kind)
        router.add_api_route(path, route, summary=summary, **_described(kind, AnswerBody))
    router.add_api_route(
        "/v1/files",
        _writing(service),
        summary="The answer to a question in file formats",
        **(_described(FilesBody, None) | {"response_class": Response}),
    )
    _add_facts(router, service, measures, settings)
    return router


def _encoding(service: SegmentationService) -> Endpoint:
    read = asked(PictureBody)

    async def encode(request: Request) -> Response:
        return JSONResponse(await service.encode(await read(request), gone(request)))

    return encode


def _showing(service: SegmentationService) -> Callable[[Request, str], Awaitable[Response]]:
    async def show(request: Request, image_id: str) -> Response:
        return Response(await service.picture(image_id, gone(request)), media_type="image/png")

    return show


def _answering(service: SegmentationService, kind: type[AnyQuestion]) -> Endpoint:
    read = asked(kind)

    async def answer(request: Request) -> Response:
        question = await read(request)
        as_json = lambda answered: answered.to_json(question.body)  # noqa: E731
        return JSONResponse(await service.answer(question, gone(request), as_json))

    answer.__name__ = kind.__name__  # names the operation in the interface's description
    return answer


def _writing(service: SegmentationService) -> Endpoint:
    read = asked(FilesBody)

    async def write(request: Request) -> Response:
        file = await service.write(await read(request), gone(request))
        kind = guess_type(file.name)[0] or "application/octet-stream"
        disposition = f"attachment; filename*=UTF-8''{quote(file.name)}"
        return Response(file.content, media_type=kind, headers={"Content-Disposition": disposition})

    return write


def _add_facts(
    router: APIRouter,
    service: SegmentationService,
    measures: ServiceMeasures,
    settings: ServiceSettings,
) -> None:
    @router.get("/v1/models", summary="The methods that are offered")
    def models() -> dict[str, object]:
        offers = service.shelf.offers.values()
        own = {
            "models": [offer.to_json() for offer in offers],
            "usual": service.shelf.usual,
            "preset": settings.preset,
            "caution": settings.caution,
        }
        return own | anylabeling.listing(offers)  # both kinds of clients ask here

    @router.get("/v1/formats", summary="File formats of POST /v1/files")
    def formats() -> dict[str, list[str]]:
        return {"formats": list(WRITERS)}

    @router.get("/v1/limits", summary="How much is taken on")
    def limits() -> dict[str, float]:
        return {name: one for name, one in asdict(service.limits).items() if one is not None}

    @router.get("/health", summary="Whether the service answers, and which methods are loaded")
    def health() -> dict[str, object]:
        ready = [name for name, offer in service.shelf.offers.items() if offer.state == "ready"]
        return {"status": "ok", "ready": ready}

    @router.get(
        "/metrics",
        summary="Numbers in the text form of Prometheus",
        response_class=PlainTextResponse,
    )
    def metrics() -> Response:
        return Response(measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _described(kind: type[PictureBody], answer: type[BaseModel] | None) -> dict[str, Any]:
    """What a route's description says of its requests and answers."""
    schema = kind.model_json_schema()
    form = {**schema, "properties": {**schema["properties"], "image": _FILE}}
    content = {JSON: {"schema": schema}, FORM: {"schema": form}}
    return {
        "methods": ["POST"],
        "response_model": answer,
        "responses": refusals(),
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }
