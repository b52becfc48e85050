"""Scores of relabelled segments against slow twins, and one picture counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.metrics.renamed_segments import (
    VOID,
    class_overlaps,
    dataset_miou,
    enlarge_nearest,
    image_iou,
    image_recall,
    reassign,
    released_recall,
    segment_recall,
    text_quality,
)

CLASSES = 4


def iou(one: set[Any], other: set[Any]) -> float:
    return len(one & other) / len(one | other) if one | other else float("nan")


def slow_overlaps(
    truth: np.ndarray, regions: np.ndarray, labels: np.ndarray, void: bool
) -> dict[int, tuple[bool, float, float]]:
    """Class -> is it true, IoU of its union, best IoU of a single segment; pixel by pixel."""
    pixels = [(r, c) for r in range(truth.shape[0]) for c in range(truth.shape[1])]
    present = {int(truth[p]) for p in pixels} - {0, VOID}
    result = {}
    for number in present | {int(label) for label in labels if label}:
        dropped = {VOID} if number in present else {0, VOID}
        kept = [p for p in pixels if not void or truth[p] not in dropped]
        target = {p for p in pixels if truth[p] == number}
        mine = [k for k, label in enumerate(labels) if label == number]
        united = {p for p in kept if regions[p] in mine}
        single = [iou({p for p in kept if regions[p] == k}, target) for k in mine]
        best = max((value for value in single if value == value), default=0.0)
        result[number] = (number in present, iou(united, target), best)
    return result


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width, count = draw(st.tuples(*[st.integers(1, 6)] * 3))
    values = [0, VOID, *range(1, CLASSES + 1)]
    truth = rng.choice(values, size=(height, width)).astype(np.uint16)
    regions = rng.integers(0, count, size=(height, width))
    return truth, regions, rng.integers(0, CLASSES + 1, size=count)


@settings(max_examples=60, deadline=None)
@given(pictures(), st.booleans())
def test_overlaps_are_those_of_sets_of_pixels(
    picture: tuple[np.ndarray, np.ndarray, np.ndarray], void: bool
) -> None:
    truth, regions, labels = picture
    found = class_overlaps(truth, regions, labels, void=void)
    expected = slow_overlaps(truth, regions, labels, void)
    assert found.classes.tolist() == sorted(expected)
    for number, true, value, best in zip(
        found.classes, found.true, found.iou, found.best, strict=True
    ):
        assert (bool(true), value, best) == pytest.approx(expected[number], nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(pictures(), min_size=1, max_size=4))
def test_class_iou_over_all_pictures_is_that_of_one_long_picture(
    shown: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    truth, answer = np.array([], int), np.array([], int)
    for target, regions, labels in shown:
        truth = np.append(truth, target.ravel())
        answer = np.append(answer, labels[regions].ravel())
    truth, answer = truth[truth != VOID], answer[truth != VOID]
    values = [
        iou(set(np.flatnonzero(truth == k)), set(np.flatnonzero(answer == k)))
        for k in range(1, CLASSES + 1)
    ]
    defined = [value for value in values if value == value]
    expected = sum(defined) / len(defined) if defined else float("nan")
    found = dataset_miou([class_overlaps(*picture) for picture in shown], CLASSES)
    assert found == pytest.approx(expected, nan_ok=True)


def test_picture_counted_by_hand() -> None:
    """Class 1 is met by half, class 2 is missed, class 3 is invented."""
    truth = np.array([[1, 1, 1, 1, 2, 2, 0, VOID]])
    regions = np.array([[0, 0, 1, 2, 2, 2, 3, 3]])
    overlaps = class_overlaps(truth, regions, np.array([1, 1, 0, 3]))
    assert overlaps.iou.tolist() == [0.75, 0.0, 0.0]
    assert image_iou(overlaps) == pytest.approx(0.25)
    assert image_iou(overlaps, true_classes_only=True) == pytest.approx(0.375)
    assert segment_recall([overlaps]) == image_recall([overlaps]) == 0.5
    assert overlaps.best.tolist() == [0.5, 0.0, 0.0]
    assert released_recall([overlaps]) == pytest.approx(1 / 3)
    without_void = class_overlaps(truth, regions, np.array([1, 1, 0, 3]), void=True)
    assert image_iou(without_void) == pytest.approx(0.375)  # class 3 claims nothing that counts


def test_exactly_half_is_found_by_the_released_evaluator_only() -> None:
    truth, regions = np.array([[1, 1, 2, 2]]), np.array([[0, 1, 1, 2]])
    overlaps = class_overlaps(truth, regions, np.array([1, 0, 2]))
    assert overlaps.iou.tolist() == overlaps.best.tolist() == [0.5, 0.5]
    assert segment_recall([overlaps]) == image_recall([overlaps]) == 0.0
    assert released_recall([overlaps]) == 1.0


def test_pictures_without_classes_have_no_recall() -> None:
    nothing = class_overlaps(np.array([[0, VOID]]), np.array([[0, 0]]), np.array([0]))
    for pictures in ([], [nothing]):
        for score in (segment_recall, image_recall, released_recall):
            assert np.isnan(score(pictures))
    assert np.isnan(image_iou(nothing)) and np.isnan(dataset_miou([nothing], CLASSES))


def test_recall_pooled_over_classes_and_averaged_over_pictures() -> None:
    """One picture with one class, found; one with two, of which none is."""
    one = class_overlaps(np.array([[1, 1]]), np.array([[0, 0]]), np.array([1]))
    two = class_overlaps(np.array([[1, 2]]), np.array([[0, 0]]), np.array([3]))
    assert segment_recall([one, two]) == pytest.approx(1 / 3)
    assert image_recall([one, two]) == 0.5
    assert released_recall([one, two]) == 0.5


def test_class_255_is_a_class() -> None:
    overlaps = class_overlaps(np.array([[255, 255]]), np.array([[0, 0]]), np.array([255]))
    assert image_iou(overlaps) == 1.0


def test_segments_move_to_their_best_class_or_to_none() -> None:
    cosines = np.array([[0.2, 0.7], [0.3, 0.1], [0.5, 0.5]])
    assert reassign(cosines, 0.5).tolist() == [2, 0, 1]
    assert reassign(np.zeros((2, 0)), 0.1).tolist() == [0, 0]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_enlarging_repeats_the_pixel_below(h: int, w: int, height: int, width: int) -> None:
    small = np.arange(h * w).reshape(h, w)
    large = enlarge_nearest(small, (height, width))
    for row in range(height):
        for column in range(width):
            assert large[row, column] == small[row * h // height, column * w // width]


def test_quality_of_text_pooled_and_by_picture() -> None:
    cosines = [np.array([0.5, 0.9, 0.1]), np.array([0.6])]
    assert text_quality(cosines) == 0.5
    assert text_quality(cosines, released=True) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(text_quality([]))
