"""Panoptic annotations in COCO's layout: a PNG of segment numbers per image and one JSON file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.datasets.annotation import Row, read_instances, telling
from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.sample import PanopticSample, TrueSegment
from lexiseg.errors import DatasetError, in_one_line
from lexiseg.types import Number


@dataclass(frozen=True)
class PanopticTables(Sequence[PanopticSample]):
    """The annotated images of a panoptic file, in the order of their numbers.

    Args:
        name: of the data set.
        split: of the data set.
        classes: one for each category, in the order of the categories' numbers.
        tables: ``images``, ``annotations`` and ``categories``.
        maps: folder of the PNGs.
        image_path: row of an image -> where the picture lies.
        file: that the tables were read from.
        most_asked: see `lexiseg.datasets.PanopticDataset`.
    """

    name: str
    split: str
    classes: ClassList
    tables: Mapping[str, Sequence[Row]] = field(repr=False)
    maps: Path
    image_path: Callable[[Row], Path] = field(repr=False)
    file: Path
    most_asked: int | None = 20
    task: Literal["panoptic"] = "panoptic"
    asks_per_image: bool = False

    @cached_property
    def category_ids(self) -> tuple[int, ...]:
        """Number of each class in files of results; numbers may have gaps."""
        return tuple(row["id"] for row in in_order(self.tables["categories"]))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Numbers of the images as text."""
        return tuple(str(row["image_id"]) for row in self._annotations)

    def __len__(self) -> int:
        return len(self._annotations)

    def __getitem__(self, index: int) -> PanopticSample:  # type: ignore[override]
        row = self._annotations[index]
        with telling(self.file, f"the segments of image {self.ids[index]}"):
            numbers = read_segment_ids(self.maps / row["file_name"])
            segments = tuple(self._segment(entry, numbers) for entry in row["segments_info"])
            image = self.image_path(self._images[row["image_id"]])
            return PanopticSample(self.ids[index], row["image_id"], image, numbers, segments)

    def _segment(self, entry: Row, numbers: NDArray[np.uint32]) -> TrueSegment:
        area = entry.get("area")
        pixels = np.count_nonzero(numbers == entry["id"]) if area is None else area
        kind = self._index[entry["category_id"]]
        return TrueSegment(int(entry["id"]), kind, float(pixels), bool(entry.get("iscrowd", 0)))

    @cached_property
    def _index(self) -> dict[int, int]:
        return {number: index for index, number in enumerate(self.category_ids)}

    @cached_property
    def _images(self) -> dict[Number, Row]:
        return {row["id"]: row for row in self.tables["images"]}

    @cached_property
    def _annotations(self) -> list[Row]:
        return in_order(self.tables["annotations"], key="image_id")


def in_order(rows: Sequence[Row], key: str = "id") -> list[Row]:
    """Rows by their number: numbers first, in their order, then those that are text."""
    return sorted(rows, key=lambda row: (isinstance(row[key], str), row[key]))


def read_panoptic(path: Path) -> dict[str, list[Row]]:
    """The tables of a panoptic file.

    Raises:
        DatasetError: it cannot be read, or a table or a key is missing.
    """
    return read_instances(
        path,
        images=("id",),
        annotations=("image_id", "file_name", "segments_info"),
        categories=("id", "name"),
    )


def category_names(tables: Mapping[str, Sequence[Row]]) -> tuple[str, ...]:
    """Names of the categories in the order of their numbers, as the file spells them."""
    return tuple(str(row["name"]) for row in in_order(tables["categories"]))


def panoptic_classes(
    tables: Mapping[str, Sequence[Row]], path: Path, known: ClassList | None = None
) -> ClassList:
    """The classes of a panoptic file, whose own word it is which of them are stuff.

    Args:
        tables: of the file.
        path: the file.
        known: a list that gives the classes names and prompts if it has as many.

    Raises:
        DatasetError: two categories have the same name.
    """
    names = category_names(tables)
    if known is None or len(known) != len(names):
        known = ClassList(f"categories of {path.name}", names, names)
    if len(set(known.names)) < len(known):
        raise DatasetError(f"Annotation file {path} gives two categories the same name.")
    rows = zip(known.names, in_order(tables["categories"]), strict=True)
    return replace(known, stuff=frozenset(name for name, row in rows if not row.get("isthing", 1)))


def read_segment_ids(path: Path) -> NDArray[np.uint32]:
    """Segment numbers of a panoptic PNG, (H, W): red + 256 green + 65536 blue, or one channel.

    Raises:
        DatasetError: the file is absent, no picture, or a palette.
    """
    try:
        with Image.open(path) as picture:
            palette, raw = picture.mode == "P", np.asarray(picture)
    except Exception as error:  # damaged pixel data makes decoders raise anything
        reason = in_one_line(error)
        raise DatasetError(f"Panoptic map {path} cannot be read ({reason}).") from error
    if palette or raw.dtype.kind not in "ui" or (raw.ndim == 3 and raw.shape[2] < 3):
        raise DatasetError(
            f"Panoptic map {path} has shape {raw.shape} and type {raw.dtype}; expected a PNG of "
            "segment numbers in red, green and blue."
        )
    wide = raw.astype(np.uint32)
    return wide if raw.ndim == 2 else wide[..., 0] + (wide[..., 1] << 8) + (wide[..., 2] << 16)
