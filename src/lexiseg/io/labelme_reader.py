"""Files of labelme and of the programs that write its format, such as X-AnyLabeling."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io.image import MAX_PIXELS, SUFFIXES, image_size, read_image, shown
from lexiseg.io.labelme import ASKED
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Outline, Reader, Source
from lexiseg.io.reading import (
    MalformedFile,
    checked_size,
    finite_number,
    read_json,
    result_from_regions,
)
from lexiseg.io.samples import ImageArray
from lexiseg.ops.polygons import Ring, rings_to_mask
from lexiseg.ops.shapes import box_ring, ellipse_ring
from lexiseg.types import Instance, Mask, Origin, Result

Pixels = NDArray[np.bool_]
Shape = Mapping[str, object]


def read_labelme(path: Path, context: ReadContext | None = None) -> Result:
    """Read one labelme file; shapes of one label and group are one region.

    Masks, polygons, rectangles, turned boxes and circles become regions. Points and lines have
    no area and are left out, as are shapes of unknown kinds. Flags are tags of any kind, so no
    name is taken from them. A picture that is not found is taken from the file, if it is
    embedded there.

    Args:
        path: the file.
        context: where pictures lie; its report tells what was left out.

    Raises:
        UsageError: the file is no labelme file, or does not say how large its picture is.
    """
    with MalformedFile(path, "a labelme file"):
        return _result(path, read_json(path), context or ReadContext())


def _result(path: Path, data: object, context: ReadContext) -> Result:
    if not isinstance(data, dict) or not isinstance(data.get("shapes"), list):
        raise ValueError("expected an object with a list of shapes")
    named = data.get("imagePath")
    picture = _picture(named if isinstance(named, str) else "", path, context)
    found = picture is not None and picture.is_file() and context.access.allows(picture)
    embedded = None if found else _embedded(data, path, context)
    size_hw = _size(data, picture if found else None, embedded)
    items = _instances(data["shapes"], size_hw, path, context)
    asked = data.get(ASKED)
    result = result_from_regions(
        size_hw,
        items,
        source="labelme",
        path=picture,
        names=tuple(map(str, asked)) if isinstance(asked, dict) else (),
        origin=Origin(None, named if isinstance(named, str) and named else None),
    )
    return replace(result, image=embedded)


def _picture(name: str, path: Path, context: ReadContext) -> Path | None:
    """The picture by its name, or where there is none by the name of the file itself."""
    if name:
        return context.picture(name, path.parent)
    folders = (path.parent, *([context.images] if context.images else []))
    beside = (folder / (path.stem + suffix) for folder in folders for suffix in sorted(SUFFIXES))
    return next((candidate for candidate in beside if candidate.is_file()), None)


def _embedded(data: Mapping[str, object], path: Path, context: ReadContext) -> ImageArray | None:
    """The picture that the file itself holds, if it does."""
    content = data.get("imageData")
    if not isinstance(content, str) or not content:
        return None
    try:
        return read_image(base64.b64decode(content.rpartition(",")[2]))
    except (ImageError, ValueError) as error:
        context.report.note(f"The picture embedded in {shown(path)} cannot be read: {error}")
        return None


def _size(
    data: Mapping[str, object], picture: Path | None, embedded: ImageArray | None
) -> tuple[int, int]:
    """As the file states it, else as its picture has it."""
    height, width = data.get("imageHeight"), data.get("imageWidth")
    if height and width:
        return checked_size(height, width)
    if embedded is not None:
        return checked_size(*embedded.shape[:2])
    if picture is None:
        raise EntryError("picture of unknown size")
    try:
        return image_size(picture)
    except ImageError as error:
        raise EntryError("picture of unknown size", str(error)) from error


def _instances(
    shapes: list[object], size_hw: tuple[int, int], path: Path, context: ReadContext
) -> list[Instance]:
    """One region per shape or group of shapes, in the order of their first ones."""
    groups: dict[object, Instance] = {}
    for number, shape in enumerate(shapes, start=1):
        title = f"shape {number}"
        if isinstance(shape, dict) and shape.get("label"):
            title += f" ({str(shape['label'])[:60]})"
        with context.entry(path, title):
            item = _instance(shape, size_hw)
            group = shape.get("group_id") if isinstance(shape, dict) else None
            key = (number,) if group is None else (item.label, str(group))
            groups[key] = _united(groups[key], item) if key in groups else item
    return list(groups.values())


def _instance(shape: object, size_hw: tuple[int, int]) -> Instance:
    if not isinstance(shape, dict):
        raise ValueError(f"a {type(shape).__name__} where a shape belongs")
    label, score = shape.get("label"), shape.get("score")
    if label is None or label == "":
        raise EntryError("shape without label")
    pixels = _shape_pixels(shape, size_hw)
    if not pixels.any():
        raise EntryError("empty shape", "it covers no pixel of the picture")
    sure = 1.0 if score is None else finite_number(score)
    thing = shape.get("is_thing", True) is not False
    return Instance(str(label), sure, Mask.from_array(pixels), thing)


def _united(first: Instance, second: Instance) -> Instance:
    together = first.mask.to_array() | second.mask.to_array()
    return replace(first, mask=Mask.from_array(together))


def _shape_pixels(shape: Shape, size_hw: tuple[int, int]) -> Pixels:
    kind = str(shape.get("shape_type") or "polygon")
    if kind in _WITHOUT_AREA:
        raise EntryError("shape without area", kind)
    points = np.asarray(shape["points"], dtype=np.float64).reshape(-1, 2)
    if kind == "mask":
        return _paste(_mask_pixels(shape.get("mask")), points[0], size_hw)
    if kind not in _RINGS:
        raise EntryError("unknown shape", kind)
    return rings_to_mask([_RINGS[kind](points)], size_hw)


def _polygon(points: Ring) -> Ring:
    if len(points) < 3:
        raise EntryError("polygon of fewer than three corners")
    return points


def _rectangle(points: Ring) -> Ring:
    """From two opposite corners, or as X-AnyLabeling writes it from all four."""
    return box_ring(*points.min(axis=0), *points.max(axis=0))


def _circle(points: Ring) -> Ring:
    """From the centre and a point on the rim."""
    center, rim = points[:2].tolist()
    radius = float(np.hypot(*(np.subtract(rim, center))))
    return ellipse_ring((center[0], center[1]), (radius, radius))


_WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
_RINGS: Mapping[str, Callable[[Ring], Ring]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "circle": _circle,
    # Boxes that are turned: their corners, by the names of several programs.
    "rotation": _polygon,
    "quadrilateral": _polygon,
    "oriented_rectangle": _polygon,
}


def _mask_pixels(encoded: object) -> Pixels:
    if not isinstance(encoded, str) or not encoded:
        raise EntryError("mask shape without mask")
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded)), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("it is too large")
            return np.asarray(image.convert("L")) > 0
    except Exception as error:  # damaged pixel data makes decoders raise anything
        raise EntryError("damaged mask", "it is no PNG that can be read") from error


def _paste(crop: Pixels, corner: NDArray[np.float64], size_hw: tuple[int, int]) -> Pixels:
    """The mask, whose upper left pixel lies at a corner; what lies outside the picture is cut."""
    left, top = (int(finite_number(value)) for value in corner.tolist())
    crop = crop[max(0, -top) :, max(0, -left) :]
    left, top = max(0, left), max(0, top)
    filled = np.zeros(size_hw, dtype=bool)
    rows, columns = max(0, size_hw[0] - top), max(0, size_hw[1] - left)
    part = crop[:rows, :columns]
    filled[top : top + part.shape[0], left : left + part.shape[1]] = part
    return filled


def _is_labelme(outline: Outline) -> bool:
    return "shapes" in outline.keys


def _recognises(source: Source) -> bool:
    return any(map(_is_labelme, source.outlines.values()))


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    if not source.is_folder:
        yield read_labelme(source.path, context)
        return
    for path in source.files("**/*.json"):
        result = None
        with context.entry(path, "", "picture"):
            data = read_json(path)
            if _is_labelme(Outline.of(data)):
                result = _result(path, data, context)
            else:
                context.report.note(f"{shown(path)} is no labelme file and was not read.")
        if result is not None:
            yield result


LABELME = Reader(_recognises, _read, rank=50)
