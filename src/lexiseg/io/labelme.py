"""Annotation files of the labelling program labelme."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.coco import POLYGON_TOLERANCE
from lexiseg.io.image import MAX_PIXELS
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import MalformedFile, checked_size, read_json, result_from_regions
from lexiseg.io.writer import Destination, Writer, json_text
from lexiseg.ops.polygons import join_rings, mask_to_polygons, rings_to_mask
from lexiseg.types import Instance, Mask, Result

_VERSION = "5.5.0"  # of the file format: the first whose mask shapes are read by all later ones


def _write_labelme(
    result: Result, destination: Destination, tolerance: float | None = None
) -> list[Path]:
    """``labelme/<name>.json``: exact mask shapes.

    With a tolerance in pixels they are polygons instead, in ``labelme-polygons/<name>.json``.
    Names asked are the picture's flags, ticked if the name was found. Several parts of one
    region share a group number. The picture is referred to by path, or embedded if it has none.
    """
    folder = "labelme" if tolerance is None else "labelme-polygons"
    path = destination.folder / folder / f"{destination.stem}.json"
    shapes = []
    for number, item in enumerate(result.instances, start=1):
        if item.mask.area:
            shapes += _shapes(item, number, tolerance)
    content = {
        "version": _VERSION,
        "flags": {name: entry.kept for name, entry in result.presence.items()},
        "shapes": shapes,
        "imagePath": _relative(result.path, path.parent) if result.path else "",
        "imageData": None if result.path else _embedded(result),
        "imageHeight": result.size_hw[0],
        "imageWidth": result.size_hw[1],
    }
    return [destination.text(path, json_text(content, indent=1))]


def _write_labelme_polygons(
    result: Result, destination: Destination, tolerance: float = POLYGON_TOLERANCE
) -> list[Path]:
    return _write_labelme(result, destination, tolerance)


write_labelme = Writer(_write_labelme, "image")
write_labelme_polygons = Writer(_write_labelme_polygons, "image")


def _shapes(item: Instance, number: int, tolerance: float | None) -> list[dict[str, Any]]:
    common = {
        "label": item.label,
        "group_id": number,
        "description": "",
        "flags": {},
        "score": float(item.score),
        "is_thing": item.is_thing,
    }
    if tolerance is None:
        return [{**common, **_mask_shape(item.mask)}]
    polygons = mask_to_polygons(item.mask.to_array(), tolerance)
    rings = [join_rings(polygon.rings) for polygon in polygons]
    return [{**common, "shape_type": "polygon", "points": ring.tolist()} for ring in rings]


def _mask_shape(mask: Mask) -> dict[str, Any]:
    """The mask cut to its box, whose lower right corner labelme counts as inside."""
    x, y, width, height = mask.bbox
    crop = mask.to_array()[y : y + height, x : x + width]
    buffer = io.BytesIO()
    Image.fromarray(crop).convert("L").save(buffer, "PNG")
    return {
        "shape_type": "mask",
        "points": [[x, y], [x + width - 1, y + height - 1]],
        "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }


def _relative(picture: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:  # on another drive
        return picture.as_posix()


def _embedded(result: Result) -> str | None:
    if result.image is None:
        return None
    buffer = io.BytesIO()
    Image.fromarray(result.image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def read_labelme(path: Path, context: ReadContext | None = None) -> Result:
    """Read one labelme file: masks, polygons and rectangles; shapes of a group are one region.

    Raises:
        UsageError: the file is no labelme file, or has a shape of another type.
    """
    data = read_json(path)
    with MalformedFile(path, "a labelme file"):
        size_hw = checked_size(data["imageHeight"], data["imageWidth"])
        grouped: dict[Any, list[Mapping[str, Any]]] = {}
        for index, shape in enumerate(data["shapes"]):
            group = shape.get("group_id")
            key = ("alone", index) if group is None else (shape["label"], group)
            grouped.setdefault(key, []).append(shape)
        items = [_instance(shapes, size_hw) for shapes in grouped.values()]
        name = str(data["imagePath"])
        picture = (context or ReadContext()).picture(name, path.parent)
        return result_from_regions(
            size_hw,
            items,
            source="labelme",
            path=picture if name else None,
            names=tuple(data.get("flags") or {}),
        )


def _instance(shapes: list[Mapping[str, Any]], size_hw: tuple[int, int]) -> Instance:
    filled = np.zeros(size_hw, dtype=bool)
    for shape in shapes:
        filled |= _shape_pixels(shape, size_hw)
    first = shapes[0]
    score, thing = float(first.get("score", 1.0)), bool(first.get("is_thing", True))
    return Instance(str(first["label"]), score, Mask.from_array(filled), thing)


def _shape_pixels(shape: Mapping[str, Any], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    kind = shape.get("shape_type", "polygon")
    points: NDArray[np.float64] = np.asarray(shape["points"], dtype=np.float64).reshape(-1, 2)
    if kind == "mask":
        return _paste(shape["mask"], points[0], size_hw)
    if kind == "polygon":
        return rings_to_mask([points], size_hw)
    if kind == "rectangle":
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        return rings_to_mask([np.array(corners)], size_hw)
    raise UsageError(f"A labelme shape is a {kind!r}; expected mask, polygon or rectangle.")


def _paste(
    encoded: str, corner: NDArray[np.float64], size_hw: tuple[int, int]
) -> NDArray[np.bool_]:
    with Image.open(io.BytesIO(base64.b64decode(encoded)), formats=["PNG"]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("a mask is too large")
        crop = np.asarray(image.convert("L")) > 0
    left, top = corner.astype(int).tolist()
    filled = np.zeros(size_hw, dtype=bool)
    rows, columns = min(crop.shape[0], size_hw[0] - top), min(crop.shape[1], size_hw[1] - left)
    if min(left, top, rows, columns) < 0:
        raise ValueError("a mask lies outside the picture")
    filled[top : top + rows, left : left + columns] = crop[:rows, :columns]
    return filled


def _is_labelme(source: Source) -> bool:
    return any("shapes" in outline.keys for outline in source.outlines.values())


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    return (read_labelme(path, context) for path in source.files("*.json"))


LABELME = Reader(_is_labelme, _read, rank=50)
