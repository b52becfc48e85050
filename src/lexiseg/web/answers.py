"""Results as clients get them: what ``--json`` prints, with masks in the form asked for."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

from PIL import Image
from pydantic import BaseModel, Field

from lexiseg.io.coco import POLYGON_TOLERANCE, flat_polygons
from lexiseg.io.palette import color_of
from lexiseg.types import Instance, Instances, Mask, PresenceTrace, Result
from lexiseg.web.asking import MaskFormat, View


class RegionBody(BaseModel):
    """A region of a picture."""

    label: str
    score: float
    bbox: tuple[int, int, int, int] = Field(description="x, y, width, height in pixels.")
    area: int
    is_thing: bool
    segmentation: dict[str, object] | list[list[float]] = Field(
        description="Run lengths as COCO's, polygons as COCO's, or a PNG of one bit per pixel."
    )


class VerdictBody(BaseModel):
    """Whether a name is in the picture, and why."""

    name: str
    score: float
    kept: bool
    reason: str


class AnswerBody(BaseModel):
    """An answer, as ``--json`` prints it, and how it came about."""

    image: str | None
    size: tuple[int, int] = Field(description="Height and width in pixels.")
    method: str
    preset: str
    presence: list[VerdictBody]
    instances: list[RegionBody]
    timing_ms: dict[str, float]
    view: View
    colors: dict[str, str] = Field(description="Name to colour, the same always.")
    image_id: str = Field(description="For further questions about the picture.")
    notes: list[str]
    encoded_before: bool
    answer_ms: float


def answer_json(result: Result, form: MaskFormat, view: View) -> dict[str, object]:
    """The record of `Result.to_json`, the colours of its names, and what regions are.

    Args:
        result: the answer.
        form: of masks: run lengths; COCO's polygons; or a picture of one bit per pixel in base64.
        view: regions as found; one for each name; or segments that do not overlap.
    """
    regions = regions_of(result, view)
    record = result.to_json()
    record["instances"] = [_region(item, form) for item in regions]
    labels = dict.fromkeys([*result.presence, *(item.label for item in regions)])
    colors = {label: "#{:02x}{:02x}{:02x}".format(*color_of(label)) for label in labels}
    return record | {"view": view, "colors": colors}


def regions_of(result: Result, view: View) -> list[Instance]:
    """The regions of a view."""
    if view == "instances":
        return list(result.instances)
    if view == "panoptic":
        ids = result.panoptic.ids
        return [
            Instance(one.label, one.score, Mask.from_array(ids == one.id), one.is_thing)
            for one in result.panoptic.segments
        ]
    ids = result.semantic.ids
    numbers = {name: number for number, name in enumerate(result.names, start=1)}
    masks = {name: Mask.from_array(ids == numbers[name]) for name in result.names}
    return [
        Instance(name, _best(result, name), mask, _is_thing(result, name))
        for name, mask in masks.items()
        if mask.area
    ]


def _best(result: Result, name: str) -> float:
    """The score of a name: of its surest region, else that of its verdict."""
    scores = [item.score for item in result.instances if item.label == name]
    return max(scores, default=result.presence[name].score)


def _is_thing(result: Result, name: str) -> bool:
    kinds = [item.is_thing for item in result.instances if item.label == name]
    return all(kinds)


def _region(item: Instance, form: MaskFormat) -> dict[str, object]:
    entry = item.to_json() | {"is_thing": item.is_thing}
    if form == "polygon":
        entry["segmentation"] = flat_polygons(item.mask, POLYGON_TOLERANCE)
    elif form == "png":
        entry["segmentation"] = {"size": list(item.mask.size_hw), "png": _png(item.mask)}
    return entry


def _png(mask: Mask) -> str:
    stream = io.BytesIO()
    Image.fromarray(mask.to_array()).convert("1").save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode()


def above(result: Result, cutoff: float) -> Result:
    """A result without regions of lower scores; names that lose all of theirs are refused.

    Args:
        result: any answer; cut-offs of names that compete stand in their `Vocabulary`.
        cutoff: least score, 0..1.
    """
    kept = result.instances.filter(min_score=cutoff)
    lost = set(result.instances.labels) - set(kept.labels)
    reason = f"below the cut-off {cutoff:g}"
    verdicts = [
        replace(entry, kept=False, reason=reason) if name in lost else entry
        for name, entry in result.presence.items()
    ]
    return replace(
        result,
        instances=kept,
        presence=PresenceTrace(verdicts),
        semantic_regions=_without(result.semantic_regions, lost),
        panoptic_regions=_without(result.panoptic_regions, lost),
    )


def _without(regions: Instances | None, labels: set[str]) -> Instances | None:
    if regions is None:
        return None
    return Instances(tuple(item for item in regions if item.label not in labels), regions.size_hw)
