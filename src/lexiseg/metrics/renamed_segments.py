"""Scores of segments that name themselves: their labels are first moved onto a data set's classes.

Rewatbowornwong et al., *Zero-guidance Segmentation Using Zero Segment Labels* (ICCV 2023),
section 4 and appendix; the released evaluator differs where a docstring says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

VOID = 65535  # as in `lexiseg.datasets.IGNORE`; a set can have a class 255
FOUND = 0.5  # overlap from which a class counts as found, a caption as right


def reassign(similarities: FloatArray, threshold: float) -> IntArray:
    """Move segments onto the classes they resemble most.

    Args:
        similarities: (S, C) cosines of segments and classes.
        threshold: least cosine that is believed.

    Returns:
        (S,) int64 in 0..C: class k is column k - 1, 0 = resembles none.

    Example:
        >>> reassign(np.array([[0.2, 0.7], [0.3, 0.1]]), 0.5).tolist()
        [2, 0]
    """
    if not similarities.size:
        return np.zeros(len(similarities), np.int64)
    believed = similarities.max(axis=1) >= threshold
    return np.where(believed, similarities.argmax(axis=1) + 1, 0)


def enlarge_nearest(labels: NDArray[np.integer], size_hw: tuple[int, int]) -> IntArray:
    """Enlarge a label map (h, w) to (H, W) by the nearest pixel, as torch's "nearest" does."""
    rows, columns = (
        np.arange(size) * source // size for size, source in zip(size_hw, labels.shape, strict=True)
    )
    enlarged: IntArray = labels[rows[:, None], columns].astype(np.int64)
    return enlarged


@dataclass(frozen=True)
class ClassOverlaps:
    """How well one picture's classes are met; K classes, those of the truth or of the answer.

    Attributes:
        classes: (K,) int64, ascending, in 1..C.
        true: (K,) bool, whether the class is in the truth.
        intersection: (K,) pixels shared by the class and the union of its segments.
        union: (K,) pixels in either.
        known_union: (K,) pixels in either that are not void, whatever else was left out.
        best: (K,) IoU of the class with the best single segment that bears its label.
    """

    classes: IntArray
    true: NDArray[np.bool_]
    intersection: FloatArray
    union: FloatArray
    known_union: FloatArray
    best: FloatArray

    @property
    def iou(self) -> FloatArray:
        """(K,) IoU of each class; NaN where both sides are empty."""
        return _ratio(self.intersection, self.union)


@dataclass(frozen=True)
class Crossing:
    """How many pixels every segment shares with every label of the truth: all that scores need.

    Attributes:
        values: (T,) int64, ascending, the labels that the truth has.
        counts: (S, T) int64 pixels.

    Example:
        >>> cross(np.array([[1, 1, 0]]), np.array([[0, 1, 1]]), 2).counts.tolist()
        [[0, 1], [1, 1]]
    """

    values: IntArray
    counts: IntArray


def cross(truth: NDArray[np.integer], segments: NDArray[np.integer], count: int) -> Crossing:
    """Count shared pixels.

    Args:
        truth: (H, W) classes 1..C, 0 = none of them, `VOID`.
        segments: (h, w) segment numbers in 0..count - 1, at any size.
        count: S, number of segments.
    """
    regions = enlarge_nearest(segments, (truth.shape[0], truth.shape[1]))
    values, columns = np.unique(truth, return_inverse=True)
    pairs = regions.ravel() * len(values) + columns.ravel()
    counts = np.bincount(pairs, minlength=count * len(values))
    return Crossing(values.astype(np.int64), counts.reshape(count, len(values)))


def class_overlaps(
    truth: NDArray[np.integer],
    segments: NDArray[np.integer],
    labels: IntArray,
    *,
    void: bool = False,
) -> ClassOverlaps:
    """Compare one picture's relabelled segments with the truth.

    Args:
        truth: (H, W) classes 1..C, 0 = none of them, `VOID`.
        segments: (h, w) segment numbers from 0, at any size.
        labels: (S,) class of every segment, 0 = none.
        void: leave void pixels out, and for classes absent from the truth also those without a
            class, as the released evaluator does on Pascal VOC. Otherwise every pixel counts.
    """
    return crossing_overlaps(cross(truth, segments, len(labels)), labels, void=void)


def crossing_overlaps(crossing: Crossing, labels: IntArray, *, void: bool = False) -> ClassOverlaps:
    """As `class_overlaps`, from shared pixels, so that other labels cost next to nothing."""
    values, counts = crossing.values, crossing.counts
    present = np.setdiff1d(values, [0, VOID])
    classes = np.union1d(present, labels[labels > 0]).astype(np.int64)
    true = np.isin(classes, present)
    intersection, union, known_union, best = np.zeros((4, len(classes)))
    for row, number in enumerate(classes):
        own, target = counts[labels == number], values == number
        counted = _counted(values, absent=not true[row]) if void else np.ones(len(values), bool)
        size = counts[:, target].sum()
        shared = own[:, target].sum(axis=1)
        either = own[:, counted].sum(axis=1) + size - shared
        intersection[row] = shared.sum()
        union[row] = own[:, counted].sum() + size - shared.sum()
        known_union[row] = own[:, values != VOID].sum() + size - shared.sum()
        best[row] = _ratio(shared, either, empty=0.0).max(initial=0.0)
    return ClassOverlaps(classes, true, intersection, union, known_union, best)


def _counted(values: IntArray, *, absent: bool) -> NDArray[np.bool_]:
    counted: NDArray[np.bool_] = values != VOID
    return counted & (values != 0) if absent else counted


def _ratio(
    part: FloatArray | IntArray, whole: FloatArray | IntArray, empty: float = np.nan
) -> FloatArray:
    ratio: FloatArray = np.divide(part, whole, out=np.full(len(whole), empty), where=whole > 0)
    return ratio


def image_iou(overlaps: ClassOverlaps, *, true_classes_only: bool = False) -> float:
    """Mean IoU over the classes of the truth and of the answer; a wrong class counts as 0.

    Args:
        overlaps: of one picture.
        true_classes_only: leave out classes that only the answer has.

    Returns:
        In 0..1; NaN without any class.
    """
    values = overlaps.iou[overlaps.true] if true_classes_only else overlaps.iou
    return _mean(values)


def dataset_miou(pictures: Sequence[ClassOverlaps], classes: int) -> float:
    """IoU per class over all pictures together without void, its mean over classes that occur."""
    intersection, union = np.zeros((2, classes + 1))
    for overlaps in pictures:
        np.add.at(intersection, overlaps.classes, overlaps.intersection)
        np.add.at(union, overlaps.classes, overlaps.known_union)
    return _mean(_ratio(intersection, union))


def segment_recall(pictures: Sequence[ClassOverlaps]) -> float:
    """Share of all pictures' true classes that the union of their segments meets above 0.5.

    Labels of classes that are not there cost nothing (section 4.2 of the paper).
    """
    return _mean(np.concatenate([_found(overlaps) for overlaps in pictures] or [np.zeros(0)]))


def image_recall(pictures: Sequence[ClassOverlaps]) -> float:
    """`segment_recall` of every picture, averaged over pictures."""
    return _mean(np.array([_mean(_found(overlaps)) for overlaps in pictures]))


def released_recall(pictures: Sequence[ClassOverlaps]) -> float:
    """The released evaluator's recall: the best single segment of a class, from 0.5 on.

    Classes that only the answer has count as missed; averaged over pictures.
    """
    return _mean(np.array([_mean((o.best >= FOUND) & o.true) for o in pictures]))


def _found(overlaps: ClassOverlaps) -> FloatArray:
    return (overlaps.iou[overlaps.true] > FOUND).astype(np.float64)


def text_quality(pictures: Sequence[FloatArray], *, released: bool = False) -> float:
    """Share of captions of true segments that mean their class (text generation quality).

    Args:
        pictures: cosines of caption and class name, (G,) per picture.
        released: as the released evaluator counts: 0.5 itself is enough, mean over pictures of
            their shares, instead of above 0.5 over all captions.
    """
    if released:
        return _mean(np.array([_mean(cosines >= FOUND) for cosines in pictures]))
    return _mean(np.concatenate([*pictures, np.zeros(0)]) > FOUND)


def _mean(values: NDArray[np.generic]) -> float:
    """Mean of what is not NaN; NaN of nothing."""
    numbers = values.astype(np.float64)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if len(numbers) else float("nan")
