"""COCO's annotation file and its list of results."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import MalformedFile, checked_size, read_json, result_from_regions
from lexiseg.io.writer import Destination, Writer, collection_writer, json_text
from lexiseg.ops.coco_polygons import polygons_to_mask
from lexiseg.ops.polygons import join_rings, mask_to_polygons
from lexiseg.types import Instance, Mask, Result

POLYGON_TOLERANCE = 1.0
"""Pixels that a dropped corner may lie from the polygon that is written."""

_PICTURES = ".pictures.json"


@dataclass
class Categories:
    """Numbers for names, from 1 in the order first asked; the same for every format of a run."""

    numbers: dict[str, int] = field(default_factory=dict)
    stuff: set[str] = field(default_factory=set)

    def add(self, result: Result) -> None:
        """Take up the names of one result."""
        for name in result.names:
            self.numbers.setdefault(name, len(self.numbers) + 1)
        for item in result.instances:
            self.numbers.setdefault(item.label, len(self.numbers) + 1)
            if not item.is_thing:
                self.stuff.add(item.label)

    def to_json(self) -> list[dict[str, Any]]:
        """COCO's table of categories."""
        return [
            {
                "id": number,
                "name": name,
                "supercategory": "",
                "isthing": int(name not in self.stuff),
            }
            for name, number in self.numbers.items()
        ]


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
    categories = Categories()
    count = 0
    with destination.open(path) as stream, tempfile.TemporaryFile() as later:
        stream.write(b'{"info": {"description": "Written by lexiseg"}, "licenses": [], "images": [')
        for image_id, result in enumerate(results, start=1):
            categories.add(result)
            _write_entry(stream, image_entry(result, image_id, categories.numbers), image_id == 1)
            for item in result.instances:
                count += 1
                entry = annotation_entry(item, image_id, categories.numbers, tolerance)
                _write_entry(later, {"id": count, **entry}, count == 1)
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
    table_path = destination.path(".coco-results" + _PICTURES)
    destination.check(path, table_path)
    categories, images, count = Categories(), [], 0
    with destination.open(path) as stream:
        stream.write(b"[")
        for image_id, result in enumerate(results, start=1):
            categories.add(result)
            images.append(image_entry(result, image_id, categories.numbers))
            for item in result.instances:
                count += 1
                _write_entry(stream, result_entry(item, image_id, categories.numbers), count == 1)
        stream.write(b"\n]\n")
    table = {"images": images, "annotations": [], "categories": categories.to_json()}
    return [path, destination.text(table_path, json_text(table))]


def _write_entry(stream: Any, entry: Mapping[str, Any], first: bool) -> None:
    stream.write((("\n" if first else ",\n") + json_text(entry)).encode())


def image_entry(result: Result, image_id: int, numbers: Mapping[str, int]) -> dict[str, Any]:
    """One picture of COCO's table."""
    refused = [numbers[name] for name, entry in result.presence.items() if not entry.kept]
    return {
        "id": image_id,
        "file_name": result.path.as_posix() if result.path else f"image-{image_id}",
        "height": result.size_hw[0],
        "width": result.size_hw[1],
        "neg_category_ids": refused,
    }


def result_entry(item: Instance, image_id: int, numbers: Mapping[str, int]) -> dict[str, Any]:
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
    item: Instance, image_id: int, numbers: Mapping[str, int], tolerance: float | None
) -> dict[str, Any]:
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
    polygons = mask_to_polygons(mask.to_array(), tolerance)
    return [join_rings(polygon.rings).ravel().tolist() for polygon in polygons]


def read_coco(path: Path, context: ReadContext | None = None) -> Iterator[Result]:
    """Read a COCO annotation file, one result per picture, in the file's order.

    Polygons, run lengths and compressed run lengths are understood; crowd regions are left out.
    A region without a score gets 1.

    Raises:
        UsageError: the file is absent or no COCO annotation file.
    """
    data = read_json(path)
    with MalformedFile(path, "a COCO annotation file"):
        tables = _Tables.parse(data)
        yield from _results(tables, data["annotations"], "coco", path, context or ReadContext())


def read_coco_results(
    path: Path, pictures: Path | None = None, context: ReadContext | None = None
) -> Iterator[Result]:
    """Read a list of COCO results.

    Args:
        path: the list.
        pictures: an annotation file with the tables of pictures and categories; by default the
            one `write_coco_results` puts beside the list.

    Raises:
        UsageError: one of the files is absent or of another kind.
    """
    beside = path.with_name(path.name.removesuffix(".json") + _PICTURES)
    table_path = pictures or beside
    if pictures is None and not beside.exists():
        raise UsageError(
            f"{shown(path)} holds numbers only; expected the tables of pictures and categories "
            f"in {beside.name} beside it."
        )
    entries = read_json(path)
    with MalformedFile(table_path, "a COCO file with pictures and categories"):
        tables = _Tables.parse(read_json(table_path))
    with MalformedFile(path, "a list of COCO results"):
        yield from _results(tables, entries, "coco-results", path, context or ReadContext())


@dataclass(frozen=True)
class _Tables:
    """Pictures and categories of a COCO file by number."""

    images: dict[int, Mapping[str, Any]]
    names: dict[int, str]
    stuff: frozenset[int]

    @classmethod
    def parse(cls, data: Any) -> _Tables:
        images = {int(image["id"]): image for image in data["images"]}
        names = {int(entry["id"]): str(entry["name"]) for entry in data["categories"]}
        stuff = frozenset(int(e["id"]) for e in data["categories"] if not e.get("isthing", 1))
        return cls(images, names, stuff)

    def asked(self, image: Mapping[str, Any]) -> list[str]:
        """Every name, if the picture says which were refused."""
        return list(self.names.values()) if "neg_category_ids" in image else []


def _results(
    tables: _Tables, entries: Any, source: str, file: Path, context: ReadContext
) -> Iterator[Result]:
    by_image: dict[int, list[Mapping[str, Any]]] = {number: [] for number in tables.images}
    for entry in entries:
        if not entry.get("iscrowd", 0):
            by_image[int(entry["image_id"])].append(entry)
    for number, image in tables.images.items():
        size_hw = checked_size(image["height"], image["width"])
        items = [_instance(entry, tables, size_hw) for entry in by_image[number]]
        names = tables.asked(image)
        path = context.picture(str(image["file_name"]), file.parent)
        yield result_from_regions(size_hw, items, source=source, path=path, names=names)


def _instance(entry: Mapping[str, Any], tables: _Tables, size_hw: tuple[int, int]) -> Instance:
    category = int(entry["category_id"])
    mask = mask_from_segmentation(entry["segmentation"], size_hw)
    score = float(entry.get("score", 1.0))
    return Instance(tables.names[category], score, mask, category not in tables.stuff)


def mask_from_segmentation(segmentation: Any, size_hw: tuple[int, int]) -> Mask:
    """A mask from any of COCO's three forms; polygons are filled as the COCO tools do.

    Raises:
        UsageError: the run lengths do not fit the size, or a polygon lacks corners.
    """
    if isinstance(segmentation, Mapping):
        mask = Mask.from_coco(segmentation)
        if mask.size_hw != size_hw:
            raise UsageError(f"A mask of size {mask.size_hw} stands for a picture of {size_hw}.")
        return mask
    return Mask.from_array(polygons_to_mask(segmentation, size_hw))


def _is_coco(source: Source) -> bool:
    return bool(_annotation_files(source))


def _annotation_files(source: Source) -> list[Path]:
    """The COCO file itself, or those of a folder: exact ones where a run wrote both kinds."""
    found = [
        path
        for path, outline in source.outlines.items()
        if outline.keys >= {"images", "annotations", "categories"}
        and "segments_info" not in outline.entries["annotations"]
        and not path.name.endswith(_PICTURES)
    ]
    exact = [path for path in found if not path.name.endswith(".coco-polygons.json")]
    return exact or found


def _read_files(source: Source, context: ReadContext) -> Iterator[Result]:
    for path in _annotation_files(source):
        yield from read_coco(path, context)


def _is_list_of_results(source: Source) -> bool:
    outline = source.outlines.get(source.path)
    return outline is not None and "image_id" in outline.entries.get("", ())


COCO = Reader(_is_coco, _read_files, rank=60)
COCO_RESULTS = Reader(
    _is_list_of_results,
    lambda source, context: read_coco_results(source.path, context=context),
    rank=60,
)
