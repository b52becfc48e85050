"""Semantic segmentation: confusion matrix and mean intersection over union.

Row = truth, column = answer; index 0 is background, k is class k - 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UnknownNameError, UsageError

Counts = NDArray[np.int64]
ClassesAveraged = Literal["shown", "shown-or-answered"]


def confusion_matrix(
    truth: NDArray[np.integer], answer: NDArray[np.integer], classes: int
) -> Counts:
    """Count pixels by true and answered label.

    Args:
        truth: (H, W) labels; anything outside 0..classes (such as an ignore value) is not counted.
        answer: (H, W) labels in 0..classes.
        classes: number of classes without background.

    Returns:
        (classes + 1, classes + 1) int64.

    Raises:
        UsageError: sizes differ, or an answer is out of range.

    Example:
        >>> confusion_matrix(np.array([[0, 1, 9]]), np.array([[1, 1, 0]]), 1).tolist()
        [[0, 1], [0, 1]]
    """
    if truth.shape != answer.shape:
        raise UsageError(f"Truth has size {truth.shape} but the answer {answer.shape}.")
    if answer.size and (answer.min() < 0 or answer.max() > classes):
        raise UsageError(f"Answers must be labels 0..{classes}; got up to {answer.max()}.")
    side = classes + 1
    counted = (truth >= 0) & (truth <= classes)
    cells = truth[counted].astype(np.int64) * side + answer[counted]
    return np.bincount(cells, minlength=side * side).reshape(side, side).astype(np.int64)


def iou_parts(matrix: Counts, *, count_background: bool) -> tuple[Counts, Counts, Counts]:
    """Intersection, union and true pixels per class.

    Without background the first row and column are struck out, the rule of "VOC-20" and
    "Context-59" scores: a thing answered as background is then not counted as an error.

    Args:
        matrix: (..., K + 1, K + 1) counts.
        count_background: keep background as the class of index 0.

    Returns:
        Three (..., K + 1) or (..., K) int64 arrays.
    """
    kept = matrix if count_background else matrix[..., 1:, 1:]
    intersection = np.diagonal(kept, axis1=-2, axis2=-1)
    true = kept.sum(axis=-1)
    return intersection, true + kept.sum(axis=-2) - intersection, true


def iou_per_class(matrix: Counts, *, count_background: bool) -> NDArray[np.float64]:
    """IoU in [0, 1] per class; NaN where the truth never shows the class."""
    intersection, union, true = iou_parts(matrix, count_background=count_background)
    ratio = intersection / np.maximum(union, 1)
    return np.where(true > 0, ratio, np.nan)


def mean_iou(matrix: Counts, *, count_background: bool, over: ClassesAveraged = "shown") -> float:
    """Mean IoU; NaN if no class counts.

    Args:
        matrix: (K + 1, K + 1) counts.
        count_background: see `iou_parts`.
        over: "shown" averages over the classes that the truth shows; "shown-or-answered" counts
            those that are only answered as well, with IoU 0 (detectron2 before 2023).
    """
    return semantic_scores(matrix, count_background=count_background, over=over).miou


class SemanticScores(NamedTuple):
    """Numbers in [0, 1], all NaN without a class.

    `miou` is the mean IoU of the classes, `fwiou` weights them by their true pixels, `macc` is the
    mean share of a class's pixels that are right, `pacc` that of all pixels.
    """

    miou: float
    fwiou: float
    macc: float
    pacc: float


def semantic_scores(
    matrix: Counts, *, count_background: bool, over: ClassesAveraged = "shown"
) -> SemanticScores:
    """The four numbers of detectron2's evaluation; arguments as of `mean_iou`.

    Example:
        >>> shown = semantic_scores(np.diag([0, 3, 1]), count_background=False)
        >>> shown.miou, shown.pacc
        (1.0, 1.0)
    """
    right, union, true = iou_parts(matrix, count_background=count_background)
    if over not in get_args(ClassesAveraged):
        raise UnknownNameError("way of averaging classes", over, get_args(ClassesAveraged))
    shown = true > 0
    if not shown.any():
        return SemanticScores(*(float("nan"),) * 4)
    iou, share = right[shown] / union[shown], right[shown] / true[shown]
    averaged = shown if over == "shown" else union > 0
    weights = true[shown] / true.sum()
    return SemanticScores(
        float(iou.sum() / averaged.sum()),
        float(iou @ weights),
        float(share.mean()),
        float(right.sum() / true.sum()),
    )


@dataclass
class ConfusionMatrix:
    """Running sum of confusion matrices over images."""

    classes: int
    matrix: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.matrix = np.zeros((self.classes + 1, self.classes + 1), dtype=np.int64)

    def update(self, truth: NDArray[np.integer], answer: NDArray[np.integer]) -> None:
        """Add one image."""
        self.matrix += confusion_matrix(truth, answer, self.classes)

    def compute(self, *, count_background: bool) -> float:
        """Mean IoU of everything added."""
        return mean_iou(self.matrix, count_background=count_background)
