"""COCO's annotation file and its list of results."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lexiseg.io.output_file import json_text
from lexiseg.io.writer import Destination, Writer, collection_writer
from lexiseg.ops.coco_polygons import polygons_to_mask
from lexiseg.ops.polygons import Ring, join_rings, mask_to_polygons
from lexiseg.types import Category, Instance, Mask, Number, Result

POLYGON_TOLERANCE = 1.0
"""Pixels that a dropped corner may lie from the polygon that is written."""

PICTURES = ".pictures.json"
"""Ending of the file beside a list of results that explains its numbers."""


@dataclass
class Categories:
    """Numbers for names, the same for every format of a run.

    Those of the file that results were read from stay; other names count from 1 in the order
    first asked.

    Args:
        numbers: by name.
        places: by name, from 0 without a gap, for formats that need it so.
    """

    numbers: dict[str, Number] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    _groups: dict[str, str] = field(default_factory=dict)
    _stuff: set[str] = field(default_factory=set)
    _taken: set[Number] = field(default_factory=set)
    _table: Mapping[str, Category] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Take up the names of one result, and all those of the file it was read from."""
        if result.origin and result.origin.categories is not self._table:
            self._table = result.origin.categories
            for name, category in self._table.items():
                self._number(name, category.number)
                self._groups.setdefault(name, category.supercategory)
                self._stuff |= set() if category.is_thing else {name}
        for name in result.names:
            self._number(name)
        for item in result.instances:
            self._number(item.label)
            if not item.is_thing:
                self._stuff.add(item.label)

    def _number(self, name: str, wanted: Number | None = None) -> None:
        if name in self.numbers:
            return
        number = wanted
        if number is None or number in self._taken:
            number = next(n for n in count(len(self.numbers) + 1) if n not in self._taken)
        self.places[name] = len(self.numbers)
        self.numbers[name] = number
        self._taken.add(number)

    def to_json(self) -> list[dict[str, object]]:
        """COCO's table of categories."""
        return [
            {
                "id": number,
                "name": name,
                "supercategory": self._groups.get(name, ""),
                "isthing": int(name not in self._stuff),
            }
            for name, number in self.numbers.items()
        ]


@dataclass
class ImageNumbers:
    """Numbers for pictures: those of the file they were read from, else from 1 on."""

    _taken: set[Number] = field(default_factory=set)
    _count: int = 0

    def take(self, result: Result) -> Number:
        """The number of the next picture, different from all before."""
        self._count += 1
        number = result.origin.image_id if result.origin else None
        if number is None or number in self._taken:
            number = next(n for n in count(self._count) if n not in self._taken)
        self._taken.add(number)
        return number


def _write_coco(
    results: Iterable[Result], destination: Destination, tolerance: float | None = None
) -> list[Path]:
    """``<name>.coco.json``: images, annotations and categories.

    Masks are compressed run lengths. With a tolerance (pixels) they are polygons instead, in
    ``<name>.coco-polygons.json``, whose dropped corners lie no farther than that from the outline
    written; 0 keeps the outline exact.
    Each picture also lists the categories that were refused, under LVIS's ``neg_category_ids``.
    """
    path = destination.path(".coco.json" if tolerance is None else ".coco-polygons.json")
    categories, numbers, written = Categories(), ImageNumbers(), 0
    with destination.open(path) as stream, tempfile.TemporaryFile() as later:
        stream.write(b'{"info": {"description": "Written by lexiseg"}, "licenses": [], "images": [')
        for position, result in enumerate(results):
            categories.add(result)
            image_id = numbers.take(result)
            _write_entry(stream, image_entry(result, image_id, categories.numbers), position == 0)
            for item in result.instances:
                written += 1
                entry = annotation_entry(item, image_id, categories.numbers, tolerance)
                _write_entry(later, {"id": written, **entry}, written == 1)
        stream.write(b'\n], "annotations": [')
        later.seek(0)
        shutil.copyfileobj(later, stream)
        table = json_text(categories.to_json())
        stream.write(f'\n], "categories": {table}}}\n'.encode())
    return [path]


def _write_coco_polygons(
    results: Iterable[Result], destination: Destination, tolerance: float = POLYGON_TOLERANCE
) -> list[Path]:
    return _write_coco(results, destination, tolerance)


write_coco = Writer(_write_coco, "collection")
write_coco_polygons = Writer(_write_coco_polygons, "collection")


@collection_writer
def write_coco_results(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.coco-results.json``, the list that COCO's evaluation loads.

    Numbers of pictures and categories are those `write_coco` gives; the tables that explain
    them are written beside it as ``<name>.coco-results.pictures.json``.
    """
    path = destination.path(".coco-results.json")
    table_path = destination.path(".coco-results" + PICTURES)
    destination.check(path, table_path)
    categories, numbers, images, written = Categories(), ImageNumbers(), [], 0
    with destination.open(path) as stream:
        stream.write(b"[")
        for result in results:
            categories.add(result)
            image_id = numbers.take(result)
            images.append(image_entry(result, image_id, categories.numbers))
            for item in result.instances:
                written += 1
                entry = result_entry(item, image_id, categories.numbers)
                _write_entry(stream, entry, written == 1)
        stream.write(b"\n]\n")
    table = {"images": images, "annotations": [], "categories": categories.to_json()}
    return [path, destination.text(table_path, json_text(table))]


def _write_entry(stream: BinaryIO, entry: Mapping[str, object], first: bool) -> None:
    stream.write((("\n" if first else ",\n") + json_text(entry)).encode())


def image_entry(
    result: Result, image_id: Number, numbers: Mapping[str, Number]
) -> dict[str, object]:
    """One picture of COCO's table, under the name that the file it was read from gave it."""
    named = result.origin.file_name if result.origin else None
    path = result.path.as_posix() if result.path else f"image-{image_id}"
    refused = [numbers[name] for name, entry in result.presence.items() if not entry.kept]
    return {
        "id": image_id,
        "file_name": named or path,
        "height": result.size_hw[0],
        "width": result.size_hw[1],
        "neg_category_ids": refused,
    }


def result_entry(
    item: Instance, image_id: Number, numbers: Mapping[str, Number]
) -> dict[str, object]:
    """One region of COCO's list of results; numbers may come from a data set's own table.

    No box: with one the COCO tools take a region's area, and so whether it is small or large,
    from the box rather than from the mask. They find the box by themselves.
    """
    return {
        "image_id": image_id,
        "category_id": numbers[item.label],
        "score": float(item.score),
        "segmentation": item.mask.to_coco(),
    }


def annotation_entry(
    item: Instance, image_id: Number, numbers: Mapping[str, Number], tolerance: float | None
) -> dict[str, object]:
    """One region of COCO's annotations, without its own number."""
    entry = {
        **result_entry(item, image_id, numbers),
        "bbox": list(item.mask.bbox),
        "area": item.mask.area,
        "iscrowd": 0,
    }
    if tolerance is not None and item.mask.area:
        entry["segmentation"] = flat_polygons(item.mask, tolerance)
    return entry


def flat_polygons(mask: Mask, tolerance: float) -> list[list[float]]:
    """COCO's polygons [x, y, x, y, ...]: one per region, holes joined to it by a bridge."""
    polygons = mask_to_polygons(mask.to_array(), tolerance, _fill)
    return [join_rings(polygon.rings).ravel().tolist() for polygon in polygons]


def _fill(rings: Sequence[Ring], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """As readers of the file will."""
    return polygons_to_mask([join_rings(rings).ravel().tolist()], size_hw)
