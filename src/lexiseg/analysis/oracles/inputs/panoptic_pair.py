"""Truth and answers in COCO's panoptic layout, as pictures of a study."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from lexiseg.analysis.oracles.case import CaseMap
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.inputs.cases import CaseKey
from lexiseg.analysis.oracles.inputs.coco_panoptic import PanopticFile
from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.io.read_context import ReadContext


@dataclass(frozen=True)
class PanopticTruth:
    """A panoptic file as the truth.

    Args:
        file: of it.
        pictures: folder of the pictures; None looks beside the file.
    """

    file: PanopticFile
    pictures: Path | None = None
    mode: Literal["panoptic"] = "panoptic"

    @classmethod
    def open(cls, source: Path, pictures: Path | None = None) -> PanopticTruth:
        """Read a truth.

        Raises:
            UsageError: as `PanopticFile.open`, or it has no picture.
        """
        file = PanopticFile.open(source)
        if not file.records:
            raise UsageError(f"{shown(file.path)} has no record of a picture.")
        return cls(file, pictures)

    @property
    def name(self) -> str:
        """Of the file."""
        return self.file.path.stem

    @property
    def classes(self) -> CaseClasses:
        """Of the file."""
        return self.file.classes

    @cached_property
    def keys(self) -> tuple[CaseKey, ...]:
        """The pictures in the file's order; those of one name are told apart by their numbers."""
        names = {number: self.file.name_of(number) for number in self.file.records}
        times = Counter(names.values())
        return tuple(
            CaseKey(name if times[name] == 1 else f"{name} ({number})", number)
            for number, name in names.items()
        )

    def map_of(self, key: CaseKey) -> CaseMap:
        """See `CaseTruth`."""
        return self.file.truth(self._number(key))

    def picture_of(self, key: CaseKey) -> Path | None:
        """See `CaseTruth`; None where no picture lies in the usual places."""
        named = self.file.images.get(self._number(key), {}).get("file_name")
        if not isinstance(named, str):
            return None
        path = ReadContext(self.pictures).picture(named, self.file.path.parent)
        return path if path.is_file() else None

    @staticmethod
    def _number(key: CaseKey) -> int | str:
        assert key.number is not None  # every record has one
        return key.number


@dataclass(frozen=True)
class PanopticAnswers:
    """A panoptic file as the answer; records belong to the pictures of their numbers.

    Args:
        file: of it.
        classes: those of the truth.
    """

    file: PanopticFile
    classes: CaseClasses

    @classmethod
    def open(cls, source: Path, classes: CaseClasses) -> PanopticAnswers:
        """Read answers.

        Raises:
            UsageError: as `PanopticFile.open`, or it names a category otherwise than the truth.
        """
        file = PanopticFile.open(source)
        if file.categories:
            _agree(file, classes)
        return cls(file, classes)

    def __call__(self, key: CaseKey, truth: CaseMap) -> CaseMap:
        """The answer about a picture."""
        if key.number is None:
            raise UsageError(
                f"{shown(self.file.path)} numbers its pictures, and the truth does not; expected "
                "a truth in COCO's panoptic layout."
            )
        return self.file.answer(key.number, self.classes)


def _agree(file: PanopticFile, classes: CaseClasses) -> None:
    """Categories of one number have one name in both files."""
    own = file.classes
    for number, name in zip(own.numbers, own.names, strict=True):
        true = classes.names[classes.index[number]] if number in classes.index else None
        if true is not None and true != name:
            raise UsageError(
                f"{shown(file.path)} calls category {number} {name!r:.60}, but the truth calls it "
                f"{true!r:.60}; expected answers with the categories of the truth."
            )
