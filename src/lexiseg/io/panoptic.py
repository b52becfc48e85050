"""COCO's panoptic format: one coloured PNG per picture and one JSON file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import find_objects

from lexiseg.io.coco import Categories, ImageNumbers, image_entry
from lexiseg.io.coco_tables import Entry, Tables, as_entry, entries_of, is_crowd, key_of
from lexiseg.io.image import read_image
from lexiseg.io.output_file import json_text
from lexiseg.io.palette import color_of
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import (
    MalformedFile,
    checked_size,
    finite_number,
    read_json,
    result_from_regions,
    whole_number,
)
from lexiseg.io.writer import Destination, collection_writer, slug
from lexiseg.types import Instance, Mask, Number, Origin, Panoptic, Result

Segments = list[dict[str, object]]


@collection_writer
def write_panoptic(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.panoptic.json`` and a folder ``<name>.panoptic`` of PNGs.

    A pixel belongs to segment red + 256 green + 65536 blue; 0 is no segment. Colours stay near
    the colour of the name. Regions that others cover whole are not in a panoptic map.
    """
    path, folder = destination.path(".panoptic.json"), destination.path(".panoptic")
    destination.check(path)
    categories, numbers, images, annotations = Categories(), ImageNumbers(), [], []
    files = []
    for position, result in enumerate(results, start=1):
        categories.add(result)
        image_id = numbers.take(result)
        stem = slug(result.path.stem if result.path else "image")
        file = folder / f"{position:06d}-{stem}.png"
        content, segments = panoptic_png(result.panoptic, categories.numbers)
        files.append(destination.bytes(file, content))
        images.append(image_entry(result, image_id, categories.numbers))
        annotations.append(
            {"image_id": image_id, "file_name": file.name, "segments_info": segments}
        )
    table = [{**entry, "color": list(color_of(entry["name"]))} for entry in categories.to_json()]
    content_json = {"images": images, "annotations": annotations, "categories": table}
    return [destination.text(path, json_text(content_json)), *files]


def panoptic_png(panoptic: Panoptic, numbers: Mapping[str, Number]) -> tuple[bytes, Segments]:
    """The PNG bytes of a panoptic map and COCO's ``segments_info``."""
    codes = np.zeros(int(panoptic.ids.max(initial=0)) + 1, dtype=np.int64)
    taken = {0}
    segments: Segments = []
    windows = find_objects(panoptic.ids.astype(np.int32))
    for segment in panoptic.segments:
        codes[segment.id] = code = _free_code(color_of(segment.label), taken)
        segments.append(
            {
                "id": code,
                "category_id": numbers[segment.label],
                "area": segment.area,
                "bbox": _bbox(windows[segment.id - 1]),
                "iscrowd": 0,
                "isthing": int(segment.is_thing),
                "score": float(segment.score),
            }
        )
    buffer = io.BytesIO()
    Image.fromarray(_code_to_rgb(codes[panoptic.ids])).save(buffer, "PNG")
    return buffer.getvalue(), segments


def _bbox(window: tuple[slice, slice]) -> list[int]:
    rows, columns = window
    return [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]


def _free_code(colour: tuple[int, int, int], taken: set[int]) -> int:
    code = colour[0] + 256 * colour[1] + 65536 * colour[2]
    while code in taken:
        code = (code + 1) % 2**24
    taken.add(code)
    return code


def _code_to_rgb(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.stack([(codes >> shift) & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)


def read_panoptic(path: Path, context: ReadContext | None = None) -> Iterator[Result]:
    """Read a panoptic JSON whose PNGs lie in the folder of the same name without ``.json``.

    Crowd regions are left out.

    Args:
        path: the JSON file.
        context: where pictures lie; its report tells what was left out.

    Raises:
        UsageError: the file is no panoptic file.
    """
    context = context or ReadContext()
    data = read_json(path)
    with MalformedFile(path, "a COCO panoptic file"):
        tables = Tables.parse(data, path, context)
        for title, value in entries_of(data["annotations"], "annotation"):
            result = None
            with context.entry(path, title, "picture"):
                result = _result(as_entry(value), tables, path, context)
            if result is not None:
                yield result


def _result(entry: Entry, tables: Tables, path: Path, context: ReadContext) -> Result:
    picture = tables.pictures.get(key_of(entry.get("image_id")))
    if picture is None:
        raise EntryError("orphan annotation", f"no image {entry.get('image_id')}")
    codes = _read_codes(path.with_suffix("") / Path(str(entry["file_name"])).name)
    size_hw = (codes.shape[0], codes.shape[1])
    if size_hw != checked_size(picture.entry["height"], picture.entry["width"]):
        raise EntryError("label map of another size", str(entry["file_name"]))
    items = []
    for _, segment in entries_of(entry["segments_info"], "segment"):
        with context.entry(path, f"{picture.title}, segment {_number_of(segment)}"):
            items.append(_instance(as_entry(segment), codes, tables))
    name = picture.file_name
    return result_from_regions(
        size_hw,
        items,
        source="panoptic",
        path=context.picture(name, path.parent) if name else None,
        names=tables.asked(picture, items),
        origin=Origin(picture.number, name, tables.categories),
    )


def _number_of(segment: object) -> object:
    return segment.get("id") if isinstance(segment, dict) else "without a number"


def _instance(segment: Entry, codes: NDArray[np.int64], tables: Tables) -> Instance:
    if is_crowd(segment):
        raise EntryError("crowd")
    label = tables.name_of(segment.get("category_id"))
    mask = Mask.from_array(codes == whole_number(segment["id"]))
    if not mask.area:
        raise EntryError("empty mask")
    score, category = segment.get("score"), tables.categories.get(label)
    number = 1.0 if score is None else finite_number(score)
    return Instance(label, number, mask, category is None or category.is_thing)


def _read_codes(path: Path) -> NDArray[np.int64]:
    rgb = read_image(path).astype(np.int64)
    return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]


def _files(source: Source) -> list[Path]:
    return [
        path
        for path, outline in source.outlines.items()
        if "segments_info" in outline.entries.get("annotations", ())
    ]


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    for path in _files(source):
        yield from read_panoptic(path, context)


PANOPTIC = Reader(lambda source: bool(_files(source)), _read, rank=40)
