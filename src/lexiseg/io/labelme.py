"""Annotation files of the labelling program labelme."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

from PIL import Image

from lexiseg.io.coco import POLYGON_TOLERANCE
from lexiseg.io.output_file import json_text
from lexiseg.io.writer import Destination, Writer
from lexiseg.ops.polygons import join_rings, mask_to_polygons
from lexiseg.types import Instance, Mask, Result

ASKED = "asked"
"""Our own key of such a file: names that were looked for, and whether each was found."""

_VERSION = "5.5.0"  # of the file format: the first whose mask shapes are read by all later ones


def _write_labelme(
    result: Result, destination: Destination, tolerance: float | None = None
) -> list[Path]:
    """``labelme/<name>.json``: exact mask shapes.

    With a tolerance in pixels they are polygons instead, in ``labelme-polygons/<name>.json``.
    Names asked are the picture's flags, ticked if the name was found; as other people's flags
    are tags of any kind, the same stands under ``asked``, which is what is read back. Several
    parts of one region share a group number. The picture is referred to by path, or embedded if
    it is in memory only.
    """
    folder = "labelme" if tolerance is None else "labelme-polygons"
    path = destination.folder / folder / f"{destination.stem}.json"
    shapes = []
    for number, item in enumerate(result.instances, start=1):
        if item.mask.area:
            shapes += _shapes(item, number, tolerance)
        else:
            destination.leave_out("region", "empty mask", result, item.label)
    verdicts = {name: entry.kept for name, entry in result.presence.items()}
    on_disk = result.path is not None and result.path.is_file()
    content = {
        "version": _VERSION,
        "flags": verdicts,
        ASKED: verdicts,
        "shapes": shapes,
        "imagePath": _relative(result.path, path.parent) if result.path else "",
        "imageData": None if on_disk else _embedded(result),
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


def _shapes(item: Instance, number: int, tolerance: float | None) -> list[dict[str, object]]:
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


def _mask_shape(mask: Mask) -> dict[str, object]:
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
