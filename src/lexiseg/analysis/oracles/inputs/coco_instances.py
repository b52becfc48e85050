"""Single objects in COCO's layout: an instances file as truth, a list of results as answers.

For the types of errors both are also painted as one segment per pixel: the truth with the smallest
objects on top, answers with the surest on top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from lexiseg.analysis.oracles.case import CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.inputs.cases import CaseKey
from lexiseg.datasets.coco_instances import InstanceTables, open_instances_file
from lexiseg.datasets.sample import TrueObject
from lexiseg.errors import UsageError
from lexiseg.io.coco_reader import mask_from_segmentation
from lexiseg.io.coco_tables import key_of
from lexiseg.io.image import shown
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Source
from lexiseg.io.reading import Entry, MalformedFile, finite_number, read_json
from lexiseg.metrics import Found
from lexiseg.types import Number


@dataclass(frozen=True)
class InstanceTruth:
    """An instances file as the truth.

    Args:
        tables: of it.
        pictures: folder of the pictures; None looks beside the file.
    """

    tables: InstanceTables
    pictures: Path | None = None
    mode: Literal["instances"] = "instances"

    @classmethod
    def open(cls, path: Path, pictures: Path | None = None) -> InstanceTruth:
        """Read a truth.

        Raises:
            DatasetError: the file is damaged.
        """
        return cls(open_instances_file(path), pictures)

    @property
    def name(self) -> str:
        """Of the file."""
        return self.tables.name

    @cached_property
    def classes(self) -> CaseClasses:
        """All of them countable."""
        return CaseClasses.parse([dict(row, isthing=1) for row in self.tables.categories])

    @cached_property
    def _rows(self) -> dict[str, tuple[int, Entry]]:
        """Name of a picture -> its place and row."""
        rows = {str(row["id"]): row for row in self.tables.tables["images"]}
        named = [Path(str(rows[number]["file_name"])).stem for number in self.tables.ids]
        times = Counter(named)
        names = [
            name if times[name] == 1 else f"{name} ({number})"
            for name, number in zip(named, self.tables.ids, strict=True)
        ]
        return {n: (place, rows[self.tables.ids[place]]) for place, n in enumerate(names)}

    @cached_property
    def keys(self) -> Sequence[CaseKey]:
        """In the order of the numbers."""
        return tuple(CaseKey(name, row["id"]) for name, (_, row) in self._rows.items())

    def objects_of(self, key: CaseKey) -> tuple[TrueObject, ...]:
        """The true objects of a picture."""
        return self.tables[self._rows[key.name][0]].objects

    def map_of(self, key: CaseKey) -> CaseMap:
        """See `CaseTruth`."""
        row = self._rows[key.name][1]
        objects = sorted(self.objects_of(key), key=lambda item: (not item.crowd, -item.mask.area))
        return painted(
            [(item.class_index, item.mask.to_array(), item.crowd) for item in objects],
            (int(row["height"]), int(row["width"])),
        )

    def picture_of(self, key: CaseKey) -> Path | None:
        """See `CaseTruth`."""
        named = str(self._rows[key.name][1]["file_name"])
        path = ReadContext(self.pictures).picture(named, self.tables.file.parent)
        return path if path.is_file() else None


def painted(
    regions: Iterable[tuple[int, np.ndarray[tuple[int, ...], np.dtype[np.bool_]], bool]],
    size_hw: tuple[int, int],
) -> CaseMap:
    """Regions as one segment per pixel, later ones on top; areas are what is still seen of them.

    Args:
        regions: class index, (H, W) bool, and whether it is a crowd.
        size_hw: height and width in pixels.
    """
    ids = np.zeros(size_hw, dtype=np.int64)
    listed = []
    for number, (class_index, mask, crowd) in enumerate(regions, start=1):
        ids[mask] = number
        listed.append((number, class_index, crowd))
    areas = np.bincount(ids.ravel(), minlength=len(listed) + 1)
    return CaseMap(
        ids, tuple(CaseSegment(n, c, float(areas[n]), crowd) for n, c, crowd in listed if areas[n])
    )


@dataclass(frozen=True)
class InstanceAnswers:
    """A list of COCO results.

    Args:
        path: of it.
        entries: number of a picture -> its results.
        classes: those of the truth.
        min_score: answers below it are no part of the painted map; AP counts them all.
    """

    path: Path
    entries: dict[Number, list[Entry]]
    classes: CaseClasses
    min_score: float

    @classmethod
    def open(cls, path: Path, classes: CaseClasses, min_score: float) -> InstanceAnswers:
        """Read a list.

        Raises:
            UsageError: it is absent or damaged.
        """
        content = read_json(path)
        entries: dict[Number, list[Entry]] = {}
        with MalformedFile(path, "a list of COCO results"):
            for entry in content:
                entries.setdefault(key_of(entry["image_id"]), []).append(entry)
        return cls(path, entries, classes, min_score)

    def objects_of(self, key: CaseKey, size_hw: tuple[int, int]) -> tuple[Found, ...]:
        """The answered objects of a picture.

        Raises:
            UsageError: a result is damaged, or its category is none of the truth's.
        """
        number = key_of(key.number)
        with MalformedFile(self.path, f"sound about picture {key.number}"):
            return tuple(self._found(entry, size_hw) for entry in self.entries.get(number, ()))

    def __call__(self, key: CaseKey, truth: CaseMap) -> CaseMap:
        """The painted answer about a picture."""
        objects = self.objects_of(key, truth.size_hw)
        kept = sorted((one for one in objects if one[1] >= self.min_score), key=lambda one: one[1])
        return painted([(c, mask.to_array(), False) for c, _, mask in kept], truth.size_hw)

    def _found(self, entry: Entry, size_hw: tuple[int, int]) -> Found:
        category = entry["category_id"]
        if category not in self.classes.index:
            raise UsageError(
                f"{shown(self.path)} gives a result of picture {entry['image_id']} the category "
                f"{category!r:.60}, which the truth does not have."
            )
        mask = mask_from_segmentation(entry["segmentation"], size_hw)
        return self.classes.index[category], finite_number(entry["score"]), mask


def is_results(source: Path) -> bool:
    """Whether a file is a list of COCO results."""
    if source.is_dir():
        return False
    outline = Source(source).outlines.get(source)
    return outline is not None and "image_id" in outline.entries.get("", ())


def is_instances(source: Path) -> bool:
    """Whether a file is an instances file."""
    if source.is_dir():
        return False
    outline = Source(source).outlines.get(source)
    return outline is not None and {"images", "annotations", "categories"} <= outline.keys
