"""Panoptic quality (Kirillov et al., "Panoptic Segmentation", CVPR 2019), as panopticapi counts it.

Sums are taken in panopticapi's order, so that numbers agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.metrics.panoptic_matching import (
    AnnotatedSegment,
    IdMap,
    LabeledSegment,
    SegmentMatches,
    match_segments,
)


@dataclass(frozen=True)
class SegmentOutcome:
    """What counts of an image, by class.

    Args:
        matched: class index and IoU of every pair.
        wrong: class index of every answer that is counted against the answer.
        missed: class index of every true segment without an answer.
    """

    matched: tuple[tuple[int, float], ...] = ()
    wrong: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        matches: SegmentMatches,
        true: Sequence[AnnotatedSegment],
        answered: Sequence[LabeledSegment],
    ) -> SegmentOutcome:
        """What matches mean for the classes."""
        pairs = zip(matches.pairs[:, 0].tolist(), matches.ious.tolist(), strict=True)
        return cls(
            tuple((true[place].class_index, iou) for place, iou in pairs),
            tuple(answered[place].class_index for place in matches.wrong),
            tuple(true[place].class_index for place in matches.missed),
        )


def panoptic_counts(outcomes: Iterable[SegmentOutcome], classes: int) -> NDArray[np.float64]:
    """Add images up, in their order.

    Args:
        outcomes: of each image.
        classes: their number.

    Returns:
        (classes, 4): summed IoU of the pairs, pairs, wrong answers, missed segments.

    Raises:
        UsageError: a class index is not below `classes`.
    """
    running = PanopticQuality(classes)
    for outcome in outcomes:
        running.add(outcome)
    return running.counts


class PanopticScores(NamedTuple):
    """Panoptic, segmentation and recognition quality in [0, 1], and over how many classes.

    Each is the mean over the classes that are shown or answered, NaN if there are none; as each
    is a mean of its own, `pq` is not ``sq * rq``.
    """

    pq: NDArray[np.float64]
    sq: NDArray[np.float64]
    rq: NDArray[np.float64]
    classes: NDArray[np.int64]


def panoptic_quality(
    counts: NDArray[np.float64], chosen: Sequence[int] | None = None
) -> PanopticScores:
    """Panoptic quality of counts.

    Args:
        counts: (..., classes, 4) of `panoptic_counts`.
        chosen: class indices to average over, such as things or seen classes; None takes all.

    Returns:
        Four arrays of shape (...,).

    Example:
        >>> scores = panoptic_quality(np.array([[1.6, 2, 1, 1], [0, 0, 0, 0]]))
        >>> round(float(scores.pq), 4), float(scores.sq), int(scores.classes)
        (0.5333, 0.8, 1)
    """
    kept = counts if chosen is None else counts[..., list(chosen), :]
    active = kept[..., 1:].sum(axis=-1) > 0
    number = active.sum(axis=-1)
    with np.errstate(invalid="ignore"):  # no class at all
        pq, sq, rq = (_sum_in_order(values) / number for values in class_quality(kept))
    return PanopticScores(pq, sq, rq, number)


def class_quality(
    counts: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Panoptic, segmentation and recognition quality of each class, 0 where nothing matches.

    Args:
        counts: (..., classes, 4) of `panoptic_counts`.

    Returns:
        Three (..., classes) arrays in [0, 1].
    """
    iou, pairs, wrong, missed = np.moveaxis(counts, -1, 0)
    weight = pairs + 0.5 * wrong + 0.5 * missed
    return _ratio(iou, weight), _ratio(iou, pairs), _ratio(pairs, weight)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _sum_in_order(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the last axis from first to last, where `np.sum` adds in pairs."""
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1])
    total: NDArray[np.float64] = np.cumsum(values, axis=-1)[..., -1]
    return total


@dataclass
class PanopticQuality:
    """Running counts over images; memory does not grow with their number."""

    classes: int
    counts: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.classes, 4))

    def update(
        self,
        truth: IdMap,
        true: Sequence[AnnotatedSegment],
        answer: IdMap,
        answered: Sequence[LabeledSegment],
        *,
        void: int = 0,
    ) -> None:
        """Add one image; arguments and errors as of `match_segments`."""
        matches = match_segments(truth, true, answer, answered, void=void)
        self.add(SegmentOutcome.of(matches, true, answered))

    def add(self, outcome: SegmentOutcome) -> None:
        """Add what became of an image.

        Raises:
            UsageError: it has a class index that is not below `classes`.
        """
        numbers = {number for number, _ in outcome.matched} | {*outcome.wrong, *outcome.missed}
        if odd := numbers - set(range(self.classes)):
            raise UsageError(
                f"A segment has the class index {min(odd)}; expected 0 to {self.classes - 1}."
            )
        for number, iou in outcome.matched:
            self.counts[number, :2] += (iou, 1)
        np.add.at(self.counts[:, 2], list(outcome.wrong), 1)
        np.add.at(self.counts[:, 3], list(outcome.missed), 1)

    def compute(self, chosen: Sequence[int] | None = None) -> PanopticScores:
        """Numbers of everything added, over all classes or those chosen."""
        return panoptic_quality(self.counts, chosen)
