"""CVAT's own format for pictures: "CVAT for images 1.1", with masks, polygons or boxes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal
from xml.sax.saxutils import escape, quoteattr

from lexiseg.io.coco import POLYGON_TOLERANCE, Categories, ImageNumbers, image_entry
from lexiseg.io.palette import color_of
from lexiseg.io.writer import Destination, Writer
from lexiseg.io.xml_text import fits_xml
from lexiseg.ops.polygons import join_rings, mask_to_polygons
from lexiseg.types import Instance, Mask, Result

Kind = Literal["mask", "polygon", "box"]
_ENDINGS: dict[Kind, str] = {"mask": "", "polygon": "-polygons", "box": "-boxes"}


def write_images(
    results: Iterable[Result],
    destination: Destination,
    kind: Kind,
    tolerance: float = POLYGON_TOLERANCE,
) -> list[Path]:
    """One XML file with a table of labels, which CVAT imports as "CVAT 1.1".

    Scores have no place in it. Parts of one region share a group.
    """
    path = destination.path(f".cvat{_ENDINGS[kind]}.xml")
    categories, numbers = Categories(), ImageNumbers()
    with destination.open(path) as stream, tempfile.TemporaryFile() as body:
        for place, result in enumerate(results):
            categories.add(result)
            name = image_entry(result, numbers.take(result), categories.numbers)["file_name"]
            if fits_xml(str(name)):
                shapes = _shapes(result, destination, kind, tolerance)
                _write_image(body, result, str(name), place, shapes)
            else:
                destination.leave_out("picture", "name that XML cannot hold", result)
        labels = "".join(_label(name) for name in categories.numbers if fits_xml(name))
        head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        table = f"  <meta>\n    <task>\n      <labels>\n{labels}      </labels>\n    </task>\n"
        stream.write(f"{head}{table}  </meta>\n".encode())
        body.seek(0)
        shutil.copyfileobj(body, stream)
        stream.write(b"</annotations>\n")
    return [path]


def _label(name: str) -> str:
    color = "#" + bytes(color_of(name)).hex()
    return f"        <label><name>{escape(name)}</name><color>{color}</color></label>\n"


def _write_image(
    stream: BinaryIO, result: Result, name: str, place: int, shapes: Iterable[str]
) -> None:
    number = result.origin.image_id if result.origin else None
    height, width = result.size_hw
    where = {
        "id": number if isinstance(number, int) else place,
        "name": name,
        "width": width,
        "height": height,
    }
    stream.write(f"  <image {_attributes(where)}>\n".encode())
    for shape in shapes:
        stream.write(f"    {shape}\n".encode())
    stream.write(b"  </image>\n")


def _shapes(
    result: Result, destination: Destination, kind: Kind, tolerance: float
) -> Iterator[str]:
    source = "manual" if result.recipe.method == "file" else "auto"
    for group, item in enumerate(result.instances, start=1):
        if not fits_xml(item.label):
            destination.leave_out("region", "name that XML cannot hold", result, repr(item.label))
        elif not item.mask.area:
            destination.leave_out("region", "empty mask", result, item.label)
        else:
            common = {"label": item.label, "source": source, "occluded": 0, "z_order": 0}
            for tag, fields in _drawn(item, kind, tolerance, group):
                yield f"<{tag} {_attributes({**common, **fields})}/>"


def _drawn(
    item: Instance, kind: Kind, tolerance: float, group: int
) -> list[tuple[str, Mapping[str, object]]]:
    x, y, width, height = item.mask.bbox
    if kind == "mask":
        runs = ", ".join(map(str, row_runs(item.mask)))
        return [("mask", {"rle": runs, "left": x, "top": y, "width": width, "height": height})]
    if kind == "box":
        return [("box", {"xtl": x, "ytl": y, "xbr": x + width, "ybr": y + height})]
    polygons = mask_to_polygons(item.mask.to_array(), tolerance)
    together = {"group_id": group} if len(polygons) > 1 else {}
    rings = (join_rings(polygon.rings).tolist() for polygon in polygons)
    return [("polygon", {"points": _points(ring), **together}) for ring in rings]


def row_runs(mask: Mask) -> list[int]:
    """Run lengths over the rows of a mask's box, the first of them outside the region."""
    x, y, width, height = mask.bbox
    crop = mask.to_array()[y : y + height, x : x + width]
    return [int(run) for run in Mask.from_array(crop.T).counts]


def _points(ring: Sequence[Sequence[float]]) -> str:
    return ";".join(f"{x:.2f},{y:.2f}" for x, y in ring)


def _attributes(values: Mapping[str, object]) -> str:
    return " ".join(f"{key}={quoteattr(str(value))}" for key, value in values.items())


def _write_masks(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.cvat.xml`` with exact masks."""
    return write_images(results, destination, "mask")


def _write_polygons(
    results: Iterable[Result], destination: Destination, tolerance: float = POLYGON_TOLERANCE
) -> list[Path]:
    """``<name>.cvat-polygons.xml``, whose dropped corners lie within a tolerance in pixels."""
    return write_images(results, destination, "polygon", tolerance)


def _write_boxes(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.cvat-boxes.xml`` with the boxes of regions."""
    return write_images(results, destination, "box")


write_cvat = Writer(_write_masks, "collection")
write_cvat_polygons = Writer(_write_polygons, "collection")
write_cvat_boxes = Writer(_write_boxes, "collection")
