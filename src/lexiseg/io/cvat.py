"""CVAT's own format for pictures: "CVAT for images 1.1", one XML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import checked_size, finite_number, result_from_regions, whole_number
from lexiseg.ops.polygons import Ring, rings_to_mask
from lexiseg.ops.shapes import box_ring, ellipse_ring, turn_ring
from lexiseg.types import Category, Instance, Mask, Origin, Result

Pixels = NDArray[np.bool_]

_ROOT = re.compile(rb"<annotations[\s>]")  # PASCAL VOC's files begin with <annotation>
_WITHOUT_AREA = frozenset({"points", "polyline", "skeleton"})


def read_cvat(path: Path, context: ReadContext | None = None) -> Iterator[Result]:
    """Read a file of "CVAT for images", one result per picture.

    Masks, polygons, boxes and ellipses, turned or not, become regions; those of one label and
    group are one region. Points, lines and skeletons have no area and are left out, as are the
    tracks of videos. Tags belong to the whole picture and are no regions.

    Args:
        path: ``annotations.xml``.
        context: where pictures lie; its report tells what was left out.

    Raises:
        UsageError: the file is absent, or no such file.
    """
    context = context or ReadContext()
    categories: dict[str, Category] = {}
    try:
        for element in _elements(path):
            if element.tag == "label" and (name := element.findtext("name")):
                categories.setdefault(name, Category(len(categories) + 1))
            elif element.tag == "track":
                context.skip("region", "track of a video", path, f"track {element.get('id')}")
            elif element.tag == "image":
                result = None
                with context.entry(path, f"image {element.get('id', '?')}", "picture"):
                    result = _result(element, path, context, categories)
                if result is not None:
                    yield result
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # also unknown encodings
        raise UsageError(f"{shown(path)} is damaged: {error}.") from error
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{shown(path)} cannot be read ({reason}); check the path.") from error


def _elements(path: Path) -> Iterator[Element]:
    """Elements as they end; pictures and tracks are forgotten once they were used."""
    depth, root = 0, None
    for event, element in ElementTree.iterparse(path, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if root is None:
            root = element
            if root.tag != "annotations":
                raise UsageError(
                    f"{shown(path)} is a file of <{root.tag[:40]}>; expected CVAT's <annotations>."
                )
        elif event == "end":
            yield element
            if depth == 1:
                root.clear()


def _result(
    image: Element, path: Path, context: ReadContext, categories: Mapping[str, Category]
) -> Result:
    size_hw = checked_size(image.get("height"), image.get("width"))
    name, number = image.get("name") or None, image.get("id")
    also = path.parent / "images" / (image.get("subset") or "")
    picture = context.picture(name, path.parent, also=also) if name else None
    return result_from_regions(
        size_hw,
        _instances(image, size_hw, path, context),
        source="cvat",
        path=picture,
        origin=Origin(None if number is None else whole_number(number), name, dict(categories)),
    )


def _instances(
    image: Element, size_hw: tuple[int, int], path: Path, context: ReadContext
) -> list[Instance]:
    """One region per shape or group of shapes, in the order of their first ones."""
    groups: dict[object, Instance] = {}
    shapes = [shape for shape in image if shape.tag != "tag"]
    for place, shape in enumerate(shapes, start=1):
        title = f"image {image.get('id', '?')}, shape {place} ({shape.tag[:40]})"
        with context.entry(path, title):
            item = _instance(shape, size_hw)
            group = shape.get("group_id", "0")
            key = (place,) if group == "0" else (item.label, group)
            groups[key] = _united(groups[key], item) if key in groups else item
    return list(groups.values())


def _united(first: Instance, second: Instance) -> Instance:
    together = first.mask.to_array() | second.mask.to_array()
    return replace(first, mask=Mask.from_array(together))


def _instance(shape: Element, size_hw: tuple[int, int]) -> Instance:
    if shape.tag in _WITHOUT_AREA:
        raise EntryError("shape without area", shape.tag)
    if shape.tag not in _PIXELS:
        raise EntryError("unknown shape", shape.tag[:40])
    label = shape.get("label")
    if not label:
        raise EntryError("shape without label")
    mask = Mask.from_array(_PIXELS[shape.tag](shape, size_hw))
    if not mask.area:
        raise EntryError("empty shape", "it covers no pixel of the picture")
    return Instance(label, 1.0, mask)


def _mask(shape: Element, size_hw: tuple[int, int]) -> Pixels:
    """Runs over the rows of a box, the first of them outside the region."""
    left, top, width, height = (
        whole_number(shape.get(side)) for side in ("left", "top", "width", "height")
    )
    runs = np.array([whole_number(run) for run in (shape.get("rle") or "").split(",")])
    if min(left, top, width, height) < 0 or left + width > size_hw[1] or top + height > size_hw[0]:
        raise EntryError("mask outside its picture")
    if (runs < 0).any() or (runs > width * height).any() or runs.sum() != width * height:
        raise EntryError("mask of another size", f"its runs do not fill {width}x{height} pixels")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    filled = np.zeros(size_hw, dtype=bool)
    filled[top : top + height, left : left + width] = inside.reshape(height, width)
    return filled


def _polygon(shape: Element, size_hw: tuple[int, int]) -> Pixels:
    pairs = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
    ring = np.array([[finite_number(x), finite_number(y)] for x, y in pairs])
    if len(ring) < 3:
        raise EntryError("polygon of fewer than three corners")
    return rings_to_mask([ring], size_hw)


def _box(shape: Element, size_hw: tuple[int, int]) -> Pixels:
    left, top, right, bottom = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
    ring = box_ring(left, top, right, bottom)
    return rings_to_mask([_turned(shape, ring, ((left + right) / 2, (top + bottom) / 2))], size_hw)


def _ellipse(shape: Element, size_hw: tuple[int, int]) -> Pixels:
    x, y, across, down = _numbers(shape, "cx", "cy", "rx", "ry")
    return rings_to_mask([_turned(shape, ellipse_ring((x, y), (across, down)), (x, y))], size_hw)


def _numbers(shape: Element, *keys: str) -> list[float]:
    return [finite_number(shape.get(key)) for key in keys]


def _turned(shape: Element, ring: Ring, center: tuple[float, float]) -> Ring:
    """Clockwise about the centre."""
    return turn_ring(ring, finite_number(shape.get("rotation") or 0), center)


_PIXELS: Mapping[str, Callable[[Element, tuple[int, int]], Pixels]] = {
    "mask": _mask,
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
}


def _files(source: Source) -> list[Path]:
    return [path for path in source.files("*.xml") if _is_cvat(path)]


def _is_cvat(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _ROOT.search(stream.read(4096)) is not None
    except OSError:
        return False


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    for path in _files(source):
        yield from read_cvat(path, context)


CVAT = Reader(lambda source: bool(_files(source)), _read, rank=60)
