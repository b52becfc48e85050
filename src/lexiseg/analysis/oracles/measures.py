"""What quality is: panoptic quality, or mean IoU where only classes matter.

A measure keeps small counts per picture and answer, and makes numbers of their sums, so that images
can be drawn anew for an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lexiseg.analysis.oracles.case import Case, CaseMap
from lexiseg.analysis.oracles.helps import BOUNDARIES, NO_WRONG, NONE_MISSED
from lexiseg.metrics import SegmentOutcome, class_quality, panoptic_quality
from lexiseg.metrics.panoptic_matching import match_overlaps

Counts: TypeAlias = list[list[float]]
"""Of one picture and one answer: [class, numbers...] of every class that it shows or answers."""
Answers: TypeAlias = Callable[[Case], Iterator[tuple[str, CaseMap]]]
"""The answer of a case and what it would be with the help of each oracle, by name."""


class RunTally(Protocol):
    """The counts of all pictures for one answer."""

    def values(
        self, weights: NDArray[np.number], chosen: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """The number for every weighting (D, pictures) of the pictures, over chosen classes."""
        ...

    def per_class(self) -> NDArray[np.float64]:
        """(C,) the number of each class; NaN where it does not occur."""
        ...

    def changed(self, rule: str) -> RunTally:
        """The same with what is wrong taken away, by a name of `Measure.rules`."""
        ...


class Measure(Protocol):
    """How good answers are."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def rules(self) -> Sequence[str]:
        """Helps that need no other answer, but other sums."""
        ...

    def runs(self, case: Case, answers: Answers) -> Iterable[tuple[str, Counts]]:
        """Counts of every answer of a picture."""
        ...

    def gather(self, counts: Sequence[Counts], classes: int) -> RunTally:
        """Bring the counts of one answer over all pictures together."""
        ...


@dataclass(frozen=True)
class PanopticMeasure:
    """Panoptic quality; counts are summed IoU, matches, wrong answers, missed segments."""

    name: str = "PQ"
    rules: Sequence[str] = (BOUNDARIES, NO_WRONG, NONE_MISSED)

    def runs(self, case: Case, answers: Answers) -> Iterator[tuple[str, Counts]]:
        """See `Measure`."""
        for name, found in answers(case):
            yield name, _panoptic_counts(replace(case, found=found))

    def gather(self, counts: Sequence[Counts], classes: int) -> PanopticTally:
        """See `Measure`."""
        return PanopticTally(_stacked(counts, classes, 4), classes)


def _panoptic_counts(case: Case) -> Counts:
    true, found = case.truth.segments, case.found.segments
    outcome = SegmentOutcome.of(match_overlaps(case.overlaps, true, found), true, found)
    sums: dict[int, list[float]] = {}
    for number, iou in outcome.matched:
        _add(sums, number, iou, 1, 0, 0)
    for number in outcome.wrong:
        _add(sums, number, 0, 0, 1, 0)
    for number in outcome.missed:
        _add(sums, number, 0, 0, 0, 1)
    return [[number, *row] for number, row in sorted(sums.items())]


def _add(sums: dict[int, list[float]], number: int, *values: float) -> None:
    row = sums.setdefault(number, [0.0] * len(values))
    sums[number] = [have + more for have, more in zip(row, values, strict=True)]


@dataclass(frozen=True)
class PanopticTally:
    """See `RunTally`; `counts` is (pictures, classes * 4), sparse."""

    counts: csr_array
    classes: int

    def sums(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        """(D, C, 4)."""
        added: NDArray[np.float64] = weights.astype(np.float64) @ self.counts
        return added.reshape(len(weights), self.classes, 4)

    def values(
        self, weights: NDArray[np.number], chosen: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """Panoptic quality."""
        return panoptic_quality(self.sums(weights), chosen).pq

    def per_class(self) -> NDArray[np.float64]:
        """Panoptic quality of each class."""
        counts = self.sums(np.ones((1, self.counts.shape[0])))[0]
        return np.where(counts[:, 1:].any(axis=1), class_quality(counts)[0], np.nan)

    def changed(self, rule: str) -> PanopticTally:
        """Matches with IoU 1, or no wrong answers, or no missed segments."""
        cells = np.asarray(self.counts.todense()).reshape(-1, self.classes, 4)
        if rule == BOUNDARIES:
            cells[..., 0] = cells[..., 1]
        if rule == NO_WRONG:
            cells[..., 2] = 0
        if rule == NONE_MISSED:
            cells[..., 3] = 0
        return PanopticTally(csr_array(cells.reshape(len(cells), -1)), self.classes)


@dataclass(frozen=True)
class SemanticMeasure:
    """Mean IoU over the classes that the truth shows; counts are shared, true, answered pixels."""

    name: str = "mIoU"
    rules: Sequence[str] = ()

    def runs(self, case: Case, answers: Answers) -> Iterator[tuple[str, Counts]]:
        """See `Measure`."""
        for name, found in answers(case):
            yield name, _semantic_counts(replace(case, found=found))

    def gather(self, counts: Sequence[Counts], classes: int) -> SemanticTally:
        """See `Measure`."""
        return SemanticTally(_stacked(counts, classes, 3), classes)


def _semantic_counts(case: Case) -> Counts:
    """Void of the truth counts for nothing, as in detectron2's evaluation."""
    true, found = case.truth.segments, case.found.segments
    pixels = case.overlaps.areas - case.overlaps.on_void
    sums: dict[int, list[float]] = {}
    for t, segment in enumerate(true):
        _add(sums, segment.class_index, 0, float(np.count_nonzero(case.truth.ids == segment.id)), 0)
        for a, answer in enumerate(found):
            same = answer.class_index == segment.class_index
            _add(sums, segment.class_index, float(case.overlaps.shared[t, a]) * same, 0, 0)
    for a, answer in enumerate(found):
        _add(sums, answer.class_index, 0, 0, float(pixels[a]))
    return [[number, *row] for number, row in sorted(sums.items())]


@dataclass(frozen=True)
class SemanticTally:
    """See `RunTally`; `counts` is (pictures, classes * 3), sparse."""

    counts: csr_array
    classes: int

    def ious(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        """(D, C) IoU; NaN where the truth never shows the class."""
        added: NDArray[np.float64] = weights.astype(np.float64) @ self.counts
        shared, true, answered = np.moveaxis(added.reshape(len(weights), self.classes, 3), -1, 0)
        union = np.maximum(true + answered - shared, 1)
        ious: NDArray[np.float64] = np.where(true > 0, shared / union, np.nan)
        return ious

    def values(
        self, weights: NDArray[np.number], chosen: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """Mean IoU."""
        ious = self.ious(weights)
        kept = ious if chosen is None else ious[:, list(chosen)]
        shown = np.isfinite(kept)
        total, number = np.where(shown, kept, 0).sum(axis=1), shown.sum(axis=1)
        means = np.full(len(ious), np.nan)
        np.divide(total, number, out=means, where=number > 0)
        return means

    def per_class(self) -> NDArray[np.float64]:
        """IoU of each class."""
        ious: NDArray[np.float64] = self.ious(np.ones((1, self.counts.shape[0])))[0]
        return ious

    def changed(self, rule: str) -> SemanticTally:
        """There are no such rules."""
        raise ValueError(rule)


def _stacked(counts: Sequence[Counts], classes: int, columns: int) -> csr_array:
    """(pictures, classes * columns), sparse."""
    rows: list[int] = []
    places: list[int] = []
    values: list[float] = []
    for picture, entries in enumerate(counts):
        for number, *cells in entries:
            rows += [picture] * columns
            places += range(int(number) * columns, (int(number) + 1) * columns)
            values += cells
    shape = (len(counts), classes * columns)
    return csr_array((np.array(values, dtype=np.float64), (rows, places)), shape=shape)
