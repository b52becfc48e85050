"""Scores of relabelled pictures, as ratios of sums, so that pictures can be drawn again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from lexiseg.evaluation.tasks.semantic import mean_iou_of
from lexiseg.metrics import bootstrap_interval
from lexiseg.metrics.renamed_segments import FOUND, ClassOverlaps, image_iou

FloatArray = NDArray[np.float64]
Ratio = tuple[FloatArray, FloatArray]  # numerator and denominator of each picture
NAMES = ("iou", "miou", "recall", "recall_released", "recall_per_image", "iou_true_classes")


@dataclass(frozen=True)
class Numbers:
    """Scores of relabelled pictures, each a function of how often a picture is drawn.

    Args:
        pictures: overlaps of each.
        classes: C, of the data set.
    """

    pictures: Sequence[ClassOverlaps]
    classes: int

    @cached_property
    def ratios(self) -> dict[str, Ratio]:
        """Name -> numerators and denominators whose sums are divided."""
        true = [o.iou[o.true] > FOUND for o in self.pictures]
        return {
            "iou": _means([image_iou(o) for o in self.pictures]),
            "iou_true_classes": _means(
                [image_iou(o, true_classes_only=True) for o in self.pictures]
            ),
            "recall": (
                np.array([found.sum() for found in true], dtype=np.float64),
                np.array([len(found) for found in true], dtype=np.float64),
            ),
            "recall_per_image": _means([_mean(found) for found in true]),
            "recall_released": _means([_mean((o.best >= FOUND) & o.true) for o in self.pictures]),
        }

    def statistic(self, name: str) -> Callable[[NDArray[np.number]], FloatArray]:
        """Function of (D, pictures) weights to (D,) values."""
        if name == "miou":
            return lambda weights: mean_iou_of(weights, self.parts)
        return partial(divide, self.ratios[name])

    def value(self, name: str) -> float:
        """In [0, 1]; NaN where nothing is counted."""
        return float(self.statistic(name)(np.ones((1, len(self.pictures))))[0])

    def interval(self, name: str, seed: int = 0) -> tuple[float, float]:
        """Its 95 % interval over pictures."""
        return bootstrap_interval(len(self.pictures), self.statistic(name), seed=seed)

    @cached_property
    def parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of each picture and class: intersection, union, and the union as what occurs."""
        intersection, union = np.zeros((2, len(self.pictures), self.classes + 1))
        for row, overlaps in enumerate(self.pictures):
            intersection[row, overlaps.classes] = overlaps.intersection
            union[row, overlaps.classes] = overlaps.known_union
        return intersection, union, union


def divide(ratio: Ratio, weights: NDArray[np.number]) -> FloatArray:
    """(D,) sums of numerators over sums of denominators, for (D, pictures) weights."""
    above, below = (weights @ part for part in ratio)
    quotient: FloatArray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return quotient


def _means(values: Sequence[float]) -> Ratio:
    """A mean over pictures as a ratio; a picture without a value counts neither way."""
    array = np.array(values, dtype=np.float64)
    return np.nan_to_num(array), np.isfinite(array).astype(np.float64)


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
