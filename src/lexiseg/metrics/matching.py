"""Which answers hit an object: the greedy matching of COCO's and LVIS's evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexiseg.metrics.mask_iou import mask_ious
from lexiseg.types import Mask

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""Ranges of areas in pixels; both ends are inside."""


@dataclass(frozen=True)
class Truths:
    """The objects of one class in one image.

    Args:
        masks: G of them.
        areas: (G,) float64 in pixels as annotated, which decide their size.
        crowd: (G,) bool; a region whose matches are neither right nor wrong, any number of them.
        exhaustive: every object of the class is here; otherwise an answer that hits none may
            still be right and is not counted (LVIS).
    """

    masks: Sequence[Mask]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    exhaustive: bool = True


@dataclass(frozen=True)
class Matches:
    """What became of the answers of one class in one image, best first.

    Attributes:
        scores: (D,) float64.
        hit: (areas, thresholds, D) bool, the answer is an object's and counts as right.
        ignored: (areas, thresholds, D) bool, it counts neither way.
        truths: (areas,) int64, objects that are counted.
    """

    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    truths: NDArray[np.int64]


def match(
    masks: Sequence[Mask], scores: Sequence[float], truths: Truths, limit: int | None = None
) -> Matches:
    """Give each answer, best first, the object it overlaps most and that is still free.

    Args:
        masks: the answers.
        scores: their confidences.
        truths: the objects.
        limit: only so many best answers; None takes all.

    Returns:
        Matches for every range of `AREAS` and every one of `IOU_THRESHOLDS`.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:limit]
    found = [masks[index] for index in order]
    areas = np.array([mask.area for mask in found], dtype=np.float64)
    ious = mask_ious(found, truths.masks, truths.crowd)
    parts = [_match_range(ious, areas, truths, low, high) for low, high in AREAS.values()]
    hit, ignored, counted = zip(*parts, strict=True)
    confidences = np.asarray(scores, dtype=np.float64)[order]
    return Matches(confidences, np.stack(hit), np.stack(ignored), np.array(counted))


def _match_range(
    ious: NDArray[np.float64],
    areas: NDArray[np.float64],
    truths: Truths,
    low: float,
    high: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """`Matches.hit`, ``ignored`` and ``truths`` for objects within a range of areas."""
    outside = (truths.areas < low) | (truths.areas > high)
    uncounted = truths.crowd | outside
    chosen = _assign(ious, uncounted, truths.crowd)
    missed = chosen < 0
    void = np.append(uncounted, False)[chosen]  # -1, a miss, finds the False at the end
    unfair = (areas < low) | (areas > high) | (not truths.exhaustive)
    return ~missed & ~void, np.where(missed, unfair, void), int((~uncounted).sum())


def _assign(
    ious: NDArray[np.float64], uncounted: NDArray[np.bool_], crowd: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(thresholds, D) number of the object that each answer gets, -1 for none.

    Objects that count go first, then the larger overlap, then the later object.
    """
    found, objects = ious.shape
    chosen = np.full((len(IOU_THRESHOLDS), found), -1, dtype=np.int64)
    if not objects:
        return chosen
    least = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)[:, None]
    rows = np.arange(len(least))
    free = np.ones((len(least), objects), dtype=bool)
    place = np.arange(objects)
    for answer, row in enumerate(ious):
        if row.max() < least[0, 0]:
            continue
        order = np.lexsort((place, row, ~uncounted))[::-1]
        possible = (free & (row >= least))[:, order]
        best = order[possible.argmax(axis=1)]
        taken = possible.any(axis=1)
        chosen[taken, answer] = best[taken]
        free[rows[taken], best[taken]] = False
        free |= crowd
    return chosen
