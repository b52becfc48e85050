"""COCO panoptic files as examples: things and stuff of a picture, from one coloured PNG each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.annotation import Row, read_json, size_of, telling
from lexiseg.errors import DatasetError
from lexiseg.io.image import image_size, read_image
from lexiseg.training.openworldsam.examples import (
    Asking,
    Complaints,
    FileExamples,
    PictureRow,
    group_rows,
    picture_folder,
    sound_pictures,
)
from lexiseg.types import Mask

SUFFIXES = ("-other", "-merged", "-stuff")


def plain_name(name: str) -> str:
    """A category's name without COCO's suffixes for merged stuff, as the released code has it.

    Example:
        >>> plain_name("wall-other-merged"), plain_name("water-other")
        ('wall', 'water')
    """
    for suffix in SUFFIXES:
        name = name.replace(suffix, "")
    return name


def panoptic_examples(file: Path, images: Path | None = None) -> FileExamples:
    """The pictures of a COCO panoptic file, without crowds and what is damaged.

    The PNGs lie in the folder of the file's name without ``.json``.

    Args:
        file: with ``images``, ``annotations`` that have ``segments_info``, and ``categories``.
        images: folder of the pictures; None to look beside the file.

    Raises:
        DatasetError: a table is absent, or a category has no name.
    """
    tables = _tables(file)
    complaints, folder = Complaints(file), picture_folder(file, tables["images"], images)
    names = _names(file, tables["categories"])
    pictures: dict[object, Row] = {}
    for place, image in enumerate(tables["images"]):
        complaints.kept(f"image at place {place}", partial(_note, pictures, image))
    made = (
        complaints.kept(
            f"annotation at place {place}",
            partial(_picture, row, pictures, names, folder, file.with_suffix("")),
        )
        for place, row in enumerate(tables["annotations"])
    )
    rows = sound_pictures([row for row in made if row is not None], complaints)
    rows = tuple(row for row in rows if _has_segments(row, complaints))
    distinct = tuple(dict.fromkeys(names.values()))
    return FileExamples(file, rows, make_masks, distinct, tuple(complaints.sentences))


def _tables(file: Path) -> Mapping[str, list[Row]]:
    loaded = read_json(file)
    wanted = ("images", "annotations", "categories")
    if not isinstance(loaded, dict) or any(not isinstance(loaded.get(t), list) for t in wanted):
        raise DatasetError(f"Annotation file {file} must hold the tables {', '.join(wanted)}.")
    return loaded


def _names(file: Path, categories: list[Row]) -> dict[object, str]:
    names = {}
    for place, row in enumerate(categories):
        with telling(file, f"category at place {place}"):
            names[row["id"]] = plain_name(str(row["name"]))
    return names


def _note(pictures: dict[object, Row], image: Row) -> bool:
    pictures[image["id"]] = image
    return True


def _picture(
    annotation: Row,
    pictures: Mapping[object, Row],
    names: Mapping[object, str],
    images: Path,
    segments: Path,
) -> PictureRow:
    number = annotation["image_id"]
    if number not in pictures:
        raise DatasetError(f"there is no image {number}")
    image, infos = pictures[number], annotation["segments_info"]
    unknown = [row["category_id"] for row in infos if row["category_id"] not in names]
    if unknown:
        raise DatasetError(f"it has a segment of an unknown category {unknown[0]}")
    by_category = group_rows([row for row in infos if not row.get("iscrowd", 0)], "category_id")
    asking = tuple(
        Asking((names[category],), tuple(by_category[category]))
        for category in names
        if category in by_category
    )
    named = frozenset(names[row["category_id"]] for row in infos)
    source = segments / str(annotation["file_name"])
    place = images / str(image["file_name"])
    return PictureRow(str(number), place, size_of(image), asking, named, source)


def _has_segments(row: PictureRow, complaints: Complaints) -> bool:
    assert row.source is not None
    size = complaints.kept(f"image {row.id}", partial(image_size, row.source))
    if size is not None and size != row.size_hw:
        complaints.add(f"image {row.id}", f"{row.source.name} is of another size than the picture")
    return size == row.size_hw


def make_masks(row: PictureRow) -> list[tuple[Mask, ...]]:
    """Masks of every name of a picture, from the colours of its PNG."""
    assert row.source is not None
    codes = _codes(row.source)
    return [
        tuple(Mask.from_array(codes == int(segment["id"])) for segment in asking.rows)
        for asking in row.asking
    ]


def _codes(file: Path) -> NDArray[np.int64]:
    """(H, W) number of each pixel's segment: red + 256 green + 65536 blue."""
    rgb = read_image(file).astype(np.int64)
    codes: NDArray[np.int64] = rgb @ np.array([1, 256, 65536])
    return codes
