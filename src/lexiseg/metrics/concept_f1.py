"""Concept F1 of SAM 3: how well present names are found, times whether absent ones are refused.

Carion et al., "SAM 3: Segment Anything with Concepts" (2025): cgF1 is the product of a micro F1
over the names that an image shows (pmF1) and the Matthews correlation of presence.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.metrics.instances import Found, TrueRegion
from lexiseg.metrics.mask_iou import mask_ious
from lexiseg.metrics.matching import IOU_THRESHOLDS
from lexiseg.metrics.presence import matthews
from lexiseg.ops.assignment import assign


def positive_counts(
    found: Sequence[Found], truths: Sequence[TrueRegion], asked: Collection[int]
) -> NDArray[np.int64]:
    """Compare the answers to present names with their objects.

    Answers and objects of a name are assigned one to one so that their IoUs sum up to the most.
    Names of which only a crowd is there, or nothing, are left out: presence judges those.

    Args:
        found: answers of an image.
        truths: its objects.
        asked: class indices that were asked.

    Returns:
        (10, 3) pairs, answers without a pair and objects without one, for IoU 0.50 to 0.95.
    """
    total = np.zeros((len(IOU_THRESHOLDS), 3), dtype=np.int64)
    for number in set(asked) & {item.class_index for item in truths if not item.crowd}:
        objects = [item.mask for item in truths if item.class_index == number and not item.crowd]
        answers = [mask for own, _, mask in found if own == number]
        ious = mask_ious(answers, objects, np.zeros(len(objects), dtype=bool))
        rows, columns = assign(-ious)
        pairs = (ious[rows, columns][:, None] >= IOU_THRESHOLDS).sum(axis=0)
        total += np.stack([pairs, len(answers) - pairs, len(objects) - pairs], axis=1)
    return total


def positive_f1(counts: NDArray[np.generic]) -> NDArray[np.float64]:
    """Micro F1 in [0, 1] of summed (..., 10, 3) counts, averaged over the IoU thresholds.

    NaN where no present name was asked.

    Example:
        >>> float(positive_f1(np.tile([3, 1, 1], (10, 1))))
        0.75
    """
    pairs, spare, missed = np.moveaxis(counts.astype(np.float64), -1, 0)
    weight = 2 * pairs + spare + missed
    ratio = np.divide(2 * pairs, weight, out=np.full_like(weight, np.nan), where=weight > 0)
    mean: NDArray[np.float64] = ratio.mean(axis=-1)
    return mean


def concept_f1(positive: NDArray[np.generic], presence: NDArray[np.generic]) -> NDArray[np.float64]:
    """cgF1 in [-1, 1]: F1 of present names times the correlation of presence.

    Args:
        positive: (..., 10, 3) of `positive_counts`.
        presence: (..., 4) counts of `lexiseg.metrics.PresenceCounts`.
    """
    return positive_f1(positive) * matthews(presence)
