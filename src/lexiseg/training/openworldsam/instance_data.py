"""COCO instance files as examples: every category of a picture is a name with its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lexiseg.datasets.annotation import Row, annotation_mask, read_instances, size_of
from lexiseg.errors import DatasetError
from lexiseg.ops.coco_polygons import flat_rings
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

IMAGE_KEYS = ("id", "file_name", "height", "width")


def instance_examples(file: Path, images: Path | None = None) -> FileExamples:
    """The pictures of a COCO instances file, without what is damaged.

    Crowds are not learned from, and neither is what is damaged; their categories still count as
    present, so that they are never asked as absent. Of LVIS, whose pictures are searched for some
    categories only, absent names are those that the file says.

    Args:
        file: with the tables ``images``, ``annotations`` and ``categories``.
        images: folder of the pictures; None to look beside the file.

    Raises:
        DatasetError: a table is damaged as a whole.
    """
    tables = read_instances(
        file, images=IMAGE_KEYS, annotations=("image_id", "category_id"), categories=("id", "name")
    )
    complaints, folder = Complaints(file), picture_folder(file, tables["images"], images)
    names = {row["id"]: row["name"] for row in tables["categories"]}
    by_image = group_rows(tables["annotations"], "image_id")
    pictures = (
        _picture(row, folder, by_image.get(row["id"], []), names, complaints)
        for row in tables["images"]
    )
    rows = sound_pictures([row for row in pictures if row is not None], complaints)
    distinct = tuple(dict.fromkeys(names.values()))
    return FileExamples(file, rows, make_masks, distinct, tuple(complaints.sentences))


def _picture(
    image: Row,
    folder: Path,
    annotations: Sequence[Row],
    names: Mapping[int, str],
    complaints: Complaints,
) -> PictureRow | None:
    size_hw = complaints.kept(f"image {image['id']}", partial(size_of, image))
    if size_hw is None:
        return None
    sound = [row for row in annotations if _learned_from(row, size_hw, complaints)]
    by_category = group_rows(sound, "category_id")
    asking = tuple(
        Asking((name,), tuple(by_category[number]))
        for number, name in sorted(names.items())
        if number in by_category
    )
    named = frozenset(names[row["category_id"]] for row in annotations)
    if "neg_category_ids" in image:
        named |= set(names.values()) - {names[number] for number in image["neg_category_ids"]}
    return PictureRow(str(image["id"]), folder / image["file_name"], size_hw, asking, named)


def _learned_from(row: Row, size_hw: tuple[int, int], complaints: Complaints) -> bool:
    if row.get("iscrowd", 0):
        return False
    entry = f"annotation {row.get('id', 'of image ' + str(row['image_id']))}"
    return complaints.kept(entry, partial(check_mask, row, size_hw)) is not None


def check_mask(annotation: Row, size_hw: tuple[int, int]) -> bool:
    """Find out what is wrong with a mask without drawing it.

    Args:
        annotation: a row of the file.
        size_hw: of the picture.

    Returns:
        True.

    Raises:
        DatasetError: it is absent, empty, or of another size than the picture.
        UsageError: it is no mask.
    """
    segmentation = annotation.get("segmentation")
    if not segmentation:
        raise DatasetError("it has no mask")
    if isinstance(segmentation, Mapping):
        mask = Mask.from_coco(segmentation)
        if mask.size_hw != size_hw:
            stated, real = (f"{size[1]}x{size[0]}" for size in (mask.size_hw, size_hw))
            raise DatasetError(f"its mask is {stated}, its image {real}")
        if not mask.area:
            raise DatasetError("its mask is empty")
        return True
    rings = flat_rings(segmentation)
    if not rings:
        raise DatasetError("its polygon has fewer than three corners")
    if not all(np.isfinite(ring).all() for ring in rings):
        raise DatasetError("its polygon has a corner that is no finite number")
    return True


def make_masks(row: PictureRow) -> list[tuple[Mask, ...]]:
    """Masks of every text of a picture whose rows are COCO annotations."""
    return [_masks(asking, row.size_hw) for asking in row.asking]


def _masks(asking: Asking, size_hw: tuple[int, int]) -> tuple[Mask, ...]:
    drawn = [annotation_mask(row, size_hw) for row in asking.rows]
    if asking.joined and drawn:
        return (Mask.from_array(np.logical_or.reduce(drawn)),)
    return tuple(Mask.from_array(mask) for mask in drawn)
