"""What X-AnyLabeling asks of its server: a list of models, and polygons for a picture."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from lexiseg.ops.polygons import join_rings, mask_to_polygons, simplify_ring
from lexiseg.types import Instance, Verb
from lexiseg.web.asking import AnyQuestion, Inquiry, LabelBody, SegmentBody, decoded
from lexiseg.web.refusal import RefusedError, unfit
from lexiseg.web.sentences import gone, refusals, saying
from lexiseg.web.service import Reply, SegmentationService
from lexiseg.web.shelf import Offer

FINENESS = 0.001  # of an outline's length: how far a corner that is left out may lie from it


class Params(BaseModel):
    """What the program's own controls say; others of them are for other models."""

    model_config = ConfigDict(extra="allow")

    text_prompt: str = ""
    conf_threshold: float = Field(default=0.0, ge=0, le=1)
    epsilon_factor: float = Field(default=FINENESS, ge=0, le=1)
    filter_classes: list[str] | None = None


class PredictBody(BaseModel):
    """A picture for a model."""

    model_config = ConfigDict(extra="allow")

    model: str
    image: str = Field(description="Base64, or a data URI.")
    params: Params = Params()


class FailureBody(BaseModel):
    """What went wrong."""

    success: bool
    error: dict[str, object]


def routes(service: SegmentationService) -> APIRouter:
    """All but the list of models, which our own clients ask for too."""
    router = APIRouter(route_class=saying(_failure))

    @router.get(
        "/v1/models/{name}/info",
        summary="X-AnyLabeling: what a model is",
        responses=refusals(FailureBody),
    )
    def info(name: str) -> dict[str, object]:
        return {"success": True, "data": _card(service.shelf.named(name))}

    @router.post(
        "/v1/predict",
        summary="X-AnyLabeling: polygons for a picture",
        responses=refusals(FailureBody),
        response_class=JSONResponse,
    )
    async def predict(request: Request, body: PredictBody) -> Response:
        question = Inquiry(
            _question(body, service.shelf.named(body.model).verbs), decoded(body.image)
        )
        shapes = await service.answer(question, gone(request), lambda it: _shapes(it, body.params))
        return JSONResponse({"success": True, "data": {"shapes": shapes, "description": ""}})

    return router


def listing(offers: Iterable[Offer]) -> dict[str, object]:
    """Its part of the list of models."""
    there = [offer for offer in offers if offer.state != "absent" and _asks(offer.verbs)]
    return {"success": True, "data": {offer.name: _card(offer) for offer in there}}


def _asks(verbs: tuple[Verb, ...]) -> bool:
    return "segment" in verbs or "label" in verbs


def _card(offer: Offer) -> dict[str, object]:
    """A model, and the program's controls that it is asked with."""
    named = "segment" in offer.verbs
    asking: list[dict[str, object]] = (
        [{"name": "edit_text"}, {"name": "button_send"}] if named else [{"name": "button_run"}]
    )
    shown = [
        *asking,
        {"name": "input_conf"},
        {"name": "edit_conf", "value": 0.0},
        {"name": "mask_fineness_slider", "value": 1},
        {"name": "toggle_preserve_existing_annotations", "value": False},
    ]
    return {
        "model_id": offer.name,
        "display_name": f"lexiseg {offer.name}",
        "batch_processing_mode": "text_prompt" if named else "default",
        "params": {"conf_threshold": 0.0, "epsilon_factor": FINENESS},
        "widgets": shown,
    }


def _question(body: PredictBody, verbs: tuple[Verb, ...]) -> AnyQuestion:
    least = body.params.conf_threshold
    if "segment" not in verbs:
        return LabelBody(method=body.model, cutoff=least)
    names = _names(body.params.text_prompt)
    if not names:
        raise unfit(f"Model {body.model!r} is asked with text; write names with commas.")
    return SegmentBody(method=body.model, cutoff=least, names=names)


def _names(text: str) -> list[str]:
    """Names with commas, or with full stops as grounding models are asked."""
    parts = text.split(",") if "," in text else re.split(r"\s*\.(?:\s+|$)", text)
    return [part.strip() for part in parts if part.strip()]


def _shapes(answered: Reply, params: Params) -> list[dict[str, object]]:
    wanted = params.filter_classes or []
    regions = [item for item in answered.result if not wanted or item.label in wanted]
    return [
        shape
        for number, item in enumerate(regions, start=1)
        for shape in _shapes_of(item, number, params.epsilon_factor)
    ]


def _shapes_of(item: Instance, number: int, fineness: float) -> list[dict[str, object]]:
    """A polygon per part of a region; several parts share a group."""
    polygons = mask_to_polygons(item.mask.to_array())
    outlines = [
        join_rings([simplify_ring(ring, fineness * _length(ring)) for ring in polygon.rings])
        for polygon in polygons
    ]
    return [
        {
            "label": item.label,
            "shape_type": "polygon",
            "points": outline.tolist(),
            "score": round(float(item.score), 6),
            "attributes": {},
            "description": None,
            "difficult": False,
            "direction": 0,
            "flags": None,
            "group_id": number if len(outlines) > 1 else None,
            "kie_linking": [],
        }
        for outline in outlines
    ]


def _length(ring: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1).sum())


def _failure(error: RefusedError) -> JSONResponse:
    code = HTTPStatus(error.status).name
    content = {"code": code, "message": error.sentence, "details": {}}
    return JSONResponse({"success": False, "error": content}, error.status, error.headers)
