"""Referring segmentation: mean and cumulative intersection over union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError


def overlap(truth: NDArray[np.bool_], answer: NDArray[np.bool_]) -> tuple[int, int]:
    """Pixels in both masks and in either of them.

    Raises:
        UsageError: the sizes differ.
    """
    if truth.shape != answer.shape:
        raise UsageError(f"Truth has size {truth.shape} but the answer {answer.shape}.")
    both = int(np.count_nonzero(truth & answer))
    return both, int(np.count_nonzero(truth)) + int(np.count_nonzero(answer)) - both


def mean_overlap(pairs: Sequence[tuple[int, int]]) -> float:
    """Mean IoU (mIoU, gIoU): every pair weighs the same; nothing asked and nothing found is 1.

    Args:
        pairs: intersection and union in pixels, one pair per object or per sentence.
    """
    if not pairs:
        return float("nan")
    both, either = np.array(pairs, dtype=np.int64).T
    return float(np.where(either > 0, both / np.maximum(either, 1), 1.0).mean())


def cumulative_overlap(pairs: Sequence[tuple[int, int]]) -> float:
    """Cumulative IoU (cIoU, oIoU): all intersections over all unions, so big objects weigh more.

    Example:
        >>> cumulative_overlap([(1, 2), (8, 8)])
        0.9
    """
    if not pairs:
        return float("nan")
    both, either = np.array(pairs, dtype=np.int64).sum(axis=0)
    return float(both / either) if either else 1.0


def overlap_precision(pairs: Sequence[tuple[int, int]], least: float) -> float:
    """Share of pairs whose IoU is at least so much (precision@X of referring segmentation).

    Example:
        >>> overlap_precision([(1, 2), (8, 8)], 0.6)
        0.5
    """
    if not pairs:
        return float("nan")
    both, either = np.array(pairs, dtype=np.int64).T
    ious = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    return float((ious >= least).mean())


@dataclass
class ReferringScore:
    """Running list of overlaps."""

    pairs: list[tuple[int, int]] = field(default_factory=list)

    def update(self, truth: NDArray[np.bool_], answer: NDArray[np.bool_]) -> None:
        """Add one object or sentence."""
        self.pairs.append(overlap(truth, answer))

    def compute(self) -> dict[str, float]:
        """``miou`` and ``ciou`` in [0, 1]."""
        return {"miou": mean_overlap(self.pairs), "ciou": cumulative_overlap(self.pairs)}
