"""Folders of label maps: one PNG per picture whose pixels are numbers of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from lexiseg.analysis.oracles.case import CaseMap
from lexiseg.analysis.oracles.classes import CaseClasses, read_vocabulary_file
from lexiseg.analysis.oracles.inputs.cases import CaseKey
from lexiseg.errors import UsageError
from lexiseg.io.image import SUFFIXES, shown
from lexiseg.io.index_png import read_label_png
from lexiseg.io.label_map_names import LabelMapNames
from lexiseg.types import Number

VOID = (255, 65535)  # of 8 and of 16 bits
BACKGROUND = 0


@dataclass(frozen=True)
class LabelMapFolder:
    """Label maps by the stem of their files.

    Args:
        folder: with the PNG files.
        count_background: whether number 0 is a class; otherwise no pixel of it is judged, and an
            answer of 0 is none.
    """

    folder: Path
    count_background: bool

    def read(self, stem: str, classes: CaseClasses) -> CaseMap:
        """One map.

        Raises:
            UsageError: the file is absent, no label map, or has a number that is no class.
        """
        path = self.folder / f"{stem}.png"
        numbers = read_label_png(path)
        outside = np.isin(numbers, VOID) if VOID[0] not in classes.index else numbers == VOID[1]
        if not self.count_background:
            outside |= numbers == BACKGROUND
        labels = np.zeros_like(numbers)
        for number in np.unique(numbers[~outside]).tolist():
            if number not in classes.index:
                raise UsageError(
                    f"{shown(path)} has the number {number}, which is no class of the truth; "
                    f"expected {classes.numbers[0]} to {classes.numbers[-1]}."
                )
            labels[numbers == number] = classes.index[number]
        return CaseMap.of_classes(labels, void=outside)


@dataclass(frozen=True)
class LabelMapTruth:
    """A folder of label maps as the truth.

    Args:
        maps: of it.
        names: of the numbers; numbers without a name are called ``class 7``.
        pictures: folder of the pictures, for the gallery.
    """

    maps: LabelMapFolder
    names: CaseClasses
    pictures: Path | None = None
    mode: Literal["semantic"] = "semantic"

    @classmethod
    def open(
        cls, folder: Path, names: Path | None, pictures: Path | None, *, count_background: bool
    ) -> LabelMapTruth:
        """Read a truth; without a list the names are looked for beside the maps.

        Raises:
            UsageError: the list is damaged.
        """
        maps = LabelMapFolder(folder, count_background)
        return cls(maps, _classes(folder, names, count_background), pictures)

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.maps.folder.name

    @property
    def classes(self) -> CaseClasses:
        """Of the numbers."""
        return self.names

    @cached_property
    def keys(self) -> Sequence[CaseKey]:
        """One per map."""
        return tuple(CaseKey(path.stem) for path in label_maps(self.maps.folder))

    def map_of(self, key: CaseKey) -> CaseMap:
        """See `CaseTruth`."""
        return self.maps.read(key.name, self.names)

    def picture_of(self, key: CaseKey) -> Path | None:
        """See `CaseTruth`; looked for in the folder that was given."""
        if self.pictures is None:
            return None
        found = (self.pictures / f"{key.name}{suffix}" for suffix in SUFFIXES)
        return next((path for path in found if path.is_file()), None)


def label_maps(folder: Path) -> list[Path]:
    """The PNG files of a folder, sorted; those whose names begin with a dot are left out."""
    return sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))


def _classes(folder: Path, names: Path | None, count_background: bool) -> CaseClasses:
    first = BACKGROUND if count_background else BACKGROUND + 1
    if names is not None:
        listed = read_vocabulary_file(names)
        if all(isinstance(key, int) for key in listed):
            return _numbered({int(key): ",".join(words) for key, words in listed.items()})
        return CaseClasses.of_names([",".join(words) for words in listed.values()], first=first)
    found = dict(LabelMapNames.find(folder, folder.parent).names)
    if count_background:
        found.setdefault(BACKGROUND, "background")
    every = range(first, VOID[0])
    return _numbered(found or {number: f"class {number}" for number in every})


def _numbered(names: dict[int, str]) -> CaseClasses:
    order: list[Number] = sorted(names)
    plain = CaseClasses.of_names([names[int(number)] for number in order])
    return CaseClasses(plain.names, tuple(order), plain.is_thing, plain.synonyms)
