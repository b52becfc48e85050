"""What clients of Roboflow's server ask of SAM 3: every object that texts name."""

from __future__ import annotations

from time import perf_counter
from typing import Literal

import torch
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from lexiseg.ops.mask_nms import mask_iou, suppress
from lexiseg.ops.polygons import join_rings, mask_to_polygons
from lexiseg.types import Instance
from lexiseg.web.asking import Inquiry, SegmentBody, Share, decoded
from lexiseg.web.refusal import RefusedError, unfit
from lexiseg.web.sentences import ErrorBody, gone, refusals, saying
from lexiseg.web.service import Reply, SegmentationService

THEIR_MODEL = "sam3/sam3_final"
"""The name that clients send where nobody chose one; the service's usual method answers."""


class ImageField(BaseModel):
    """A picture."""

    type: str
    value: str


class Prompt(BaseModel):
    """What to look for."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "visual"] = "text"
    text: str | None = None
    output_prob_thresh: Share | None = None
    boxes: list[object] | None = None


class ConceptBody(BaseModel):
    """A picture and texts; what else such clients send is for the billing of that server."""

    model_config = ConfigDict(extra="allow")

    image: ImageField
    model_id: str | None = THEIR_MODEL
    format: Literal["polygon", "rle"] = "polygon"
    output_prob_thresh: Share = 0.5
    nms_iou_threshold: Share | None = None
    prompts: list[Prompt] = Field(min_length=1)


class MessageBody(ErrorBody):
    """What went wrong, under both names."""

    message: str


def routes(service: SegmentationService) -> APIRouter:
    """The route for texts."""
    router = APIRouter(route_class=saying(_failure))

    @router.post(
        "/sam3/concept_segment",
        summary="Roboflow: every object that texts name",
        responses=refusals(MessageBody),
        response_class=JSONResponse,
    )
    async def concept_segment(request: Request, body: ConceptBody) -> Response:
        begin = perf_counter()
        question = Inquiry(_question(body, service), _file(body.image))
        results = await service.answer(question, gone(request), lambda it: _results(it, body))
        return JSONResponse({"prompt_results": results, "time": perf_counter() - begin})

    return router


def _question(body: ConceptBody, service: SegmentationService) -> SegmentBody:
    for number, prompt in enumerate(body.prompts):
        if prompt.type != "text" or prompt.boxes or not (prompt.text or "").strip():
            raise unfit(f"Prompt {number} has no text, or boxes; this service is asked with texts.")
    texts = list(dict.fromkeys(prompt.text or "" for prompt in body.prompts))
    method = body.model_id if body.model_id in service.shelf.offers else None
    if method is None and body.model_id not in (None, THEIR_MODEL):
        service.shelf.named(body.model_id or "")
    return SegmentBody(names=texts, method=method)


def _file(image: ImageField) -> bytes:
    if image.type != "base64":
        raise unfit(f"The picture is of type {image.type!r:.40}; send base64.")
    return decoded(image.value)


def _results(answered: Reply, body: ConceptBody) -> list[dict[str, object]]:
    """The regions of every prompt, in the order of the prompts."""
    found = _without_doubles(list(answered.result), body.nms_iou_threshold)
    return [_result(number, prompt, found, body) for number, prompt in enumerate(body.prompts)]


def _result(
    number: int, prompt: Prompt, found: list[Instance], body: ConceptBody
) -> dict[str, object]:
    text, least = prompt.text or "", _least(prompt, body)
    own = [item for item in found if _plain(item.label) == _plain(text) and item.score >= least]
    return {
        "prompt_index": number,
        "echo": {"prompt_index": number, "type": "text", "text": text, "num_boxes": 0},
        "predictions": [_prediction(item, body.format) for item in own],
    }


def _plain(name: str) -> str:
    """Names that differ in case or blanks only are one."""
    return " ".join(name.replace("_", " ").split()).casefold()


def _least(prompt: Prompt, body: ConceptBody) -> float:
    own = prompt.output_prob_thresh
    return body.output_prob_thresh if own is None else own


def _without_doubles(regions: list[Instance], threshold: float | None) -> list[Instance]:
    """Regions of which none overlaps a surer one by more than a threshold."""
    if threshold is None or not regions:
        return regions
    masks = torch.stack([torch.from_numpy(item.mask.to_array()).flatten() for item in regions])
    order = torch.tensor([item.score for item in regions]).argsort(descending=True, stable=True)
    kept = suppress(order, lambda some, others: mask_iou(masks[some], masks[others]), threshold)
    return [regions[place] for place in sorted(kept.tolist())]


def _prediction(item: Instance, form: str) -> dict[str, object]:
    masks: object = item.mask.to_coco()
    if form == "polygon":
        polygons = mask_to_polygons(item.mask.to_array())
        masks = [join_rings(polygon.rings).tolist() for polygon in polygons]
    return {"masks": masks, "confidence": round(float(item.score), 6), "format": form}


def _failure(error: RefusedError) -> JSONResponse:
    content = {"message": error.sentence, "error": error.sentence}
    return JSONResponse(content, error.status, error.headers)
