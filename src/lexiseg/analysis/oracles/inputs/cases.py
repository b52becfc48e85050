"""Truth and answers brought together, one picture at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from lexiseg.analysis.oracles.case import CandidateSet, Case, CaseMap, ObjectPair
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.inference import Inference
from lexiseg.errors import UsageError
from lexiseg.types import Number

Mode: TypeAlias = Literal["panoptic", "semantic", "instances"]


@dataclass(frozen=True)
class CaseKey:
    """How a picture is found in other files.

    Args:
        name: different for each picture, without ending.
        number: of the picture in the truth, where it has one.
    """

    name: str
    number: Number | None = None


class CaseTruth(Protocol):
    """What is there, picture by picture."""

    @property
    def name(self) -> str:
        """Of the data."""
        ...

    @property
    def mode(self) -> Mode:
        """Which quality is asked."""
        ...

    @property
    def classes(self) -> CaseClasses:
        """Of all pictures."""
        ...

    @property
    def keys(self) -> Sequence[CaseKey]:
        """The pictures."""
        ...

    def map_of(self, key: CaseKey) -> CaseMap:
        """The true segments of a picture."""
        ...

    def picture_of(self, key: CaseKey) -> Path | None:
        """The file with its pixels, where that is known."""
        ...


MapReader: TypeAlias = Callable[[CaseKey, CaseMap], CaseMap]
"""The answer about a picture, whose true map says of which size it is."""
CandidateReader: TypeAlias = Callable[[CaseKey], CandidateSet]
"""The candidates of a picture."""
ObjectReader: TypeAlias = Callable[[CaseKey, CaseMap], ObjectPair]
"""True and answered objects of a picture."""


@dataclass(frozen=True)
class Cases:
    """All pictures of a study; each is read when it is asked for.

    Args:
        truth: of them.
        classes: those of the truth, with what else is known of them.
        answer: reads the answer; None where it follows from the candidates.
        candidates: reads the candidates; None where there are none.
        infer: makes the answer of candidates.
        source: what answers, in words.
        objects: reads single objects, where those are judged.
        split: of the data.
        task: a name for every pixel.
    """

    truth: CaseTruth
    classes: CaseClasses
    answer: MapReader | None
    candidates: CandidateReader | None
    infer: Inference
    source: str
    objects: ObjectReader | None = None
    split: str = "as in the file"
    task: Literal["semantic"] = "semantic"

    @property
    def name(self) -> str:
        """Of the data."""
        return self.truth.name

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the pictures."""
        return tuple(key.name for key in self.truth.keys)

    def __len__(self) -> int:
        return len(self.truth.keys)

    def __getitem__(self, place: int) -> Case:
        """Read a picture.

        Raises:
            UsageError: a file is damaged, or truth and answer differ in size.
        """
        key = self.truth.keys[place]
        truth = self.truth.map_of(key)
        candidates = self.candidates(key) if self.candidates else None
        if self.answer is not None:
            found = self.answer(key, truth)
        elif candidates is not None:
            found = self.infer(candidates, truth.size_hw)
        else:
            raise UsageError("There is neither an answer nor candidates; give one of them.")
        if found.ids.shape != truth.ids.shape:
            raise UsageError(
                f"The answer of {self.source} about picture {key.name} is {_by(found)} pixels, but "
                f"its truth {_by(truth)}; expected answers at the size of the picture."
            )
        objects = self.objects(key, truth) if self.objects else None
        picture = self.truth.picture_of(key)
        return Case(key.name, truth, found, candidates, picture, objects=objects)


def _by(found: CaseMap) -> str:
    return f"{found.ids.shape[1]}x{found.ids.shape[0]}"
