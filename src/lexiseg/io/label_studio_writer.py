"""Tasks for Label Studio: regions as brushes, polygons or boxes, and the interface for them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from lexiseg.io.coco import POLYGON_TOLERANCE, Categories, ImageNumbers, image_entry
from lexiseg.io.output_file import json_text
from lexiseg.io.palette import color_of
from lexiseg.io.report import Skip
from lexiseg.io.writer import Destination, Writer
from lexiseg.io.xml_text import fits_xml
from lexiseg.ops.brush_rle import encode_brush
from lexiseg.ops.polygons import join_rings, mask_to_polygons, pixels_well_inside
from lexiseg.types import Instance, Mask, Presence, Result

Shape = Literal["brush", "polygon", "box"]
TAGS: dict[Shape, str] = {
    "brush": "BrushLabels",
    "polygon": "PolygonLabels",
    "box": "RectangleLabels",
}
_ENDINGS: dict[Shape, str] = {"brush": "", "polygon": "-polygons", "box": "-boxes"}
PRESENCE = "presence"
"""Our own key in the meta of a task or prediction: a verdict for every name asked."""


@dataclass(frozen=True)
class Control:
    """The tag of a labelling interface that regions belong to.

    Args:
        shape: how it draws them.
        from_name: its name.
        to_name: name of the picture's tag.
    """

    shape: Shape
    from_name: str = "label"
    to_name: str = "image"

    @property
    def kind(self) -> str:
        """The type of its regions, which is also the key of their labels."""
        return TAGS[self.shape].lower()


def region_entry(
    item: Instance, control: Control, number: str, tolerance: float = POLYGON_TOLERANCE
) -> dict[str, object]:
    """One region of Label Studio.

    Args:
        item: with at least one pixel.
        control: the tag it belongs to.
        number: of the region, different from all others of its task.
        tolerance: of polygons, in pixels.
    """
    height, width = item.mask.size_hw
    return {
        "id": number,
        "from_name": control.from_name,
        "to_name": control.to_name,
        "type": control.kind,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {**shape_value(item.mask, control.shape, tolerance), control.kind: [item.label]},
        "score": float(item.score),
    }


def shape_value(mask: Mask, shape: Shape, tolerance: float) -> dict[str, object]:
    """A mask as a brush's packed bits, or as percents of the picture's width and height.

    Holes and separate parts of a polygon are joined by bridges into the one ring of a region.
    """
    height, width = mask.size_hw
    if shape == "brush":
        return {"format": "rle", "rle": encode_brush(mask.to_array().astype(np.uint8) * 255)}
    if shape == "polygon":
        polygons = mask_to_polygons(mask.to_array(), tolerance, pixels_well_inside)
        ring = join_rings([ring for polygon in polygons for ring in polygon.rings])
        return {"points": (ring * 100 / (width, height)).tolist(), "closed": True}
    x, y, across, down = mask.bbox
    sides = {"x": x / width, "y": y / height, "width": across / width, "height": down / height}
    return {**{side: 100 * share for side, share in sides.items()}, "rotation": 0}


def verdict_entries(verdicts: Iterable[Presence]) -> list[dict[str, object]]:
    """Which names were found and why others were not, for a meta field."""
    return [verdict.to_json() for verdict in verdicts]


def write_tasks(
    results: Iterable[Result],
    destination: Destination,
    shape: Shape,
    tolerance: float = POLYGON_TOLERANCE,
) -> list[Path]:
    """The tasks, one per picture, and the labelling interface that shows them.

    Answers of a method are predictions; what was read from a file stays an annotation. The
    verdicts about names stand in the ``meta`` of a task.
    """
    ending = f".label-studio{_ENDINGS[shape]}"
    path, interface = destination.path(f"{ending}.json"), destination.path(f"{ending}.xml")
    destination.check(path, interface)
    control, categories, numbers = Control(shape), Categories(), ImageNumbers()
    with destination.open(path) as stream, tempfile.TemporaryFile() as body:
        for place, result in enumerate(results):
            categories.add(result)
            name = image_entry(result, numbers.take(result), categories.numbers)["file_name"]
            entry = _task(result, str(name), control, destination, tolerance)
            body.write((("\n" if place == 0 else ",\n") + json_text(entry)).encode())
        body.seek(0)
        stream.write(b"[")
        shutil.copyfileobj(body, stream)
        stream.write(b"\n]\n")
    shown = _interface(list(categories.numbers), control, destination)
    return [path, destination.text(interface, shown)]


def _task(
    result: Result, name: str, control: Control, destination: Destination, tolerance: float
) -> dict[str, object]:
    regions = []
    for place, item in enumerate(result.instances, start=1):
        if item.mask.area:
            regions.append(region_entry(item, control, _number(name, place), tolerance))
        else:
            destination.leave_out("region", "empty mask", result, item.label)
    task: dict[str, object] = {"data": {"image": _address(name)}}
    if result.presence:
        task["meta"] = {PRESENCE: verdict_entries(result.presence.values())}
    if result.recipe.method == "file":
        return {**task, "annotations": [{"result": regions}]}
    version = f"lexiseg {result.recipe.method}/{result.recipe.preset}"
    prediction = {"model_version": version, "score": mean_score(result.instances.items)}
    return {**task, "predictions": [{**prediction, "result": regions}]}


def mean_score(items: Sequence[Instance]) -> float:
    """How sure an answer is as a whole, by which Label Studio sorts tasks; 0 without a region."""
    return sum(float(item.score) for item in items) / len(items) if items else 0.0


def _number(name: str, place: int) -> str:
    text = f"{name}\n{place}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _address(name: str) -> str:
    """Where the program serves a file of its local storage."""
    if "://" in name:
        return name
    return "/data/local-files/?d=" + quote(name.removeprefix("/"), errors="surrogatepass")


def _interface(names: Sequence[str], control: Control, destination: Destination) -> str:
    """The XML of a labelling interface with one label per name."""
    labels = []
    for name in names:
        if fits_xml(name):
            color = "#" + bytes(color_of(name)).hex()
            labels.append(f"    <Label value={quoteattr(name)} background={quoteattr(color)}/>\n")
        else:
            where = destination.path(".json")
            skip = Skip("category", "name that XML cannot hold", where, detail=repr(name)[:80])
            destination.report.skip(skip)
    tag = TAGS[control.shape]
    return (
        "<View>\n"
        f'  <Image name="{control.to_name}" value="$image"/>\n'
        f'  <{tag} name="{control.from_name}" toName="{control.to_name}">\n'
        f"{''.join(labels)}  </{tag}>\n</View>\n"
    )


def _write_brushes(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.label-studio.json`` with exact brush masks, and its interface as ``.xml``."""
    return write_tasks(results, destination, "brush")


def _write_polygons(
    results: Iterable[Result], destination: Destination, tolerance: float = POLYGON_TOLERANCE
) -> list[Path]:
    """``<name>.label-studio-polygons.json``, whose dropped corners lie within a tolerance."""
    return write_tasks(results, destination, "polygon", tolerance)


def _write_boxes(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.label-studio-boxes.json`` with the boxes of regions."""
    return write_tasks(results, destination, "box")


write_label_studio = Writer(_write_brushes, "collection")
write_label_studio_polygons = Writer(_write_polygons, "collection")
write_label_studio_boxes = Writer(_write_boxes, "collection")
