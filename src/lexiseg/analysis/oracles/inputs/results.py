"""Answers in any form that `lexiseg.read` reads, such as a run's ``results.jsonl``, by names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from lexiseg.analysis.oracles.case import CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.inputs.cases import CaseKey, Mode
from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.io.reader import read_results
from lexiseg.io.record import RECORDS, locate_records, read_record_at
from lexiseg.types import Result


@dataclass(frozen=True)
class ResultAnswers:
    """Results by the stem of their picture's name.

    Args:
        source: file or folder.
        found: stem -> what gives the result.
        classes: those of the truth; a label that is none of their texts is the last class.
        mode: panoptic, or semantic for the class of every pixel.
    """

    source: Path
    found: dict[str, Callable[[], Result]]
    classes: CaseClasses
    mode: Mode

    @classmethod
    def open(cls, source: Path, classes: CaseClasses, mode: Mode) -> ResultAnswers:
        """Read results; records stay on disk, other files are held as run lengths.

        Raises:
            UsageError: the source is of no form that is known, it is empty, or two results are
                about one picture.
        """
        found: dict[str, Callable[[], Result]] = {}
        for name, give in _located(source):
            stem = PurePath(name).stem
            if stem in found:
                raise UsageError(
                    f"{shown(source)} has two answers about a picture {stem!r}; expected one."
                )
            found[stem] = give
        if not found:
            raise UsageError(
                f"{shown(source)} is an empty prediction; expected answers about the pictures of "
                "the truth."
            )
        return cls(source, found, classes, mode)

    def __call__(self, key: CaseKey, truth: CaseMap) -> CaseMap:
        """The answer about a picture.

        Raises:
            UsageError: there is none.
        """
        for name in (key.name, str(key.number)):
            if name in self.found:
                return self._map_of(self.found[name]())
        raise UsageError(
            f"{shown(self.source)} has no answer about picture {key.name}; expected one for every "
            "picture of the truth."
        )

    def _map_of(self, result: Result) -> CaseMap:
        if self.mode == "semantic":
            ids = result.semantic.ids.astype(np.int64)
            names = dict(enumerate(result.semantic.names, start=1))
        else:
            ids = result.panoptic.ids.astype(np.int64)
            names = {segment.id: segment.label for segment in result.panoptic.segments}
        present = np.unique(ids[ids > 0]).tolist()
        segments = (CaseSegment(number, self._class_of(names[number])) for number in present)
        return CaseMap(ids, tuple(segments))

    def _class_of(self, label: str) -> int:
        return self.classes.by_text.get(label.casefold(), len(self.classes) - 1)


def _located(source: Path) -> Iterator[tuple[str, Callable[[], Result]]]:
    """Every result's name with what gives it."""
    records = source / RECORDS if source.is_dir() else source
    if records.suffix == ".jsonl" and records.is_file():
        for begin, result in locate_records(records):
            yield _name(result, begin), _reader(records, begin)
        return
    for place, result in enumerate(read_results(source)):
        yield _name(result, place), _keeper(result)


def _reader(path: Path, begin: int) -> Callable[[], Result]:
    return lambda: read_record_at(path, begin)


def _keeper(result: Result) -> Callable[[], Result]:
    return lambda: result


def _name(result: Result, place: int) -> str:
    named = result.origin.file_name if result.origin else None
    return named or (str(result.path) if result.path else f"picture {place}")
