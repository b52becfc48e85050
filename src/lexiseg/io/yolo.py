"""A data set folder in the YOLO segmentation layout."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io.coco import POLYGON_TOLERANCE, Categories
from lexiseg.io.writer import Destination, FreeNames, collection_writer, slug
from lexiseg.ops.polygons import join_rings, mask_to_polygons, pixels_well_inside
from lexiseg.types import Instance, Result


@collection_writer
def write_yolo(
    results: Iterable[Result], destination: Destination, tolerance: float = POLYGON_TOLERANCE
) -> list[Path]:
    """``yolo/``: ``data.yaml``, ``labels/*.txt`` and copies of the pictures in ``images/``.

    One line per region: class number from 0, then the corners as shares of width and height.
    Holes and separate parts are joined by bridges into the one polygon this layout allows; the
    scores have no place in it. `tolerance` is in pixels, and 0 keeps masks exact.
    """
    root = destination.folder / "yolo"
    table = root / "data.yaml"
    destination.check(table)
    categories = Categories()
    stems = FreeNames()
    paths: list[Path] = []
    for result in results:
        categories.add(result)
        stem = stems.take(slug(result.path.stem if result.path else "image"))
        lines = [_line(item, categories.places[item.label], tolerance) for item in result.instances]
        for line, item in zip(lines, result.instances, strict=True):
            if not line:
                destination.leave_out("region", "empty mask", result, item.label)
        label = root / "labels" / f"{stem}.txt"
        paths.append(destination.text(label, "".join(lines)))
        paths += _copy_picture(result, root / "images" / stem, destination)
    names = {place: name for name, place in categories.places.items()}
    content = {"path": ".", "train": "images", "val": "images", "names": names}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10**9)
    return [destination.text(table, text), *paths]


def _line(item: Instance, number: int, tolerance: float) -> str:
    polygons = mask_to_polygons(item.mask.to_array(), tolerance, pixels_well_inside)
    if not polygons:
        return ""
    ring = join_rings([ring for polygon in polygons for ring in polygon.rings])
    height, width = item.mask.size_hw
    shares = (ring / (width, height)).ravel().tolist()
    return " ".join([str(number), *(f"{share:.9g}" for share in shares)]) + "\n"


def _copy_picture(result: Result, base: Path, destination: Destination) -> list[Path]:
    """The picture beside its labels: the file itself if it is one, else its pixels."""
    try:
        file = destination.file_of(result)
        if file is None:
            pixels = Image.fromarray(destination.pixels_of(result))
    except ImageError as error:
        destination.leave_out("picture", "image not found", result, str(error))
        return []
    if file is not None:
        target = base.with_name(base.name + file.suffix.lower())
        with file.open("rb") as source, destination.open(target) as stream:
            shutil.copyfileobj(source, stream)
        return [target]
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    return [destination.bytes(base.with_name(f"{base.name}.png"), buffer.getvalue())]
