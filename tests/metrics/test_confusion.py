"""mIoU against a twin that counts pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.metrics import (
    ConfusionMatrix,
    confusion_matrix,
    iou_per_class,
    mean_iou,
    semantic_scores,
)

CLASSES = 3
IGNORE = 65535


def random_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 2, 3, IGNORE], size=(6, 7)).astype(np.uint16)
    return truth, rng.integers(0, CLASSES + 1, size=(6, 7)).astype(np.uint16)


def slow_mean_iou(truth: np.ndarray, answer: np.ndarray, with_background: bool) -> float:
    """Set arithmetic on pixel positions."""
    pixels = [
        (int(t), int(a))
        for t, a in zip(truth.ravel(), answer.ravel(), strict=True)
        if t != IGNORE and (with_background or (t != 0 and a != 0))
    ]
    values = []
    for label in range(0 if with_background else 1, CLASSES + 1):
        shown = {i for i, (t, _) in enumerate(pixels) if t == label}
        found = {i for i, (_, a) in enumerate(pixels) if a == label}
        if shown:
            values.append(len(shown & found) / len(shown | found))
    return float(np.mean(values)) if values else float("nan")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_mean_iou_equals_counting_by_hand(seed: int, with_background: bool) -> None:
    truth, answer = random_pair(seed)
    matrix = confusion_matrix(truth, answer, CLASSES)
    expected = slow_mean_iou(truth, answer, with_background)
    assert mean_iou(matrix, count_background=with_background) == pytest.approx(
        expected, nan_ok=True
    )


def test_matrix_counts_every_pixel_that_is_not_ignored() -> None:
    truth, answer = random_pair(0)
    assert confusion_matrix(truth, answer, CLASSES).sum() == np.count_nonzero(truth != IGNORE)


def test_thing_answered_as_background_is_free_without_background() -> None:
    truth, answer = np.array([[1, 1, 2]]), np.array([[1, 0, 2]])
    matrix = confusion_matrix(truth, answer, 2)
    assert mean_iou(matrix, count_background=False) == 1.0
    assert mean_iou(matrix, count_background=True) == pytest.approx((0.5 + 1.0) / 2)


def test_class_absent_from_truth_is_nan_even_if_answered() -> None:
    matrix = confusion_matrix(np.array([[1, 1]]), np.array([[1, 2]]), 2)
    assert np.isnan(iou_per_class(matrix, count_background=True)[2])


def test_running_sum_equals_one_big_image() -> None:
    pairs = [random_pair(seed) for seed in range(4)]
    running = ConfusionMatrix(CLASSES)
    for truth, answer in pairs:
        running.update(truth, answer)
    truth, answer = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    assert np.array_equal(running.matrix, confusion_matrix(truth, answer, CLASSES))
    assert running.compute(count_background=True) == pytest.approx(
        slow_mean_iou(truth, answer, True)
    )


def test_different_sizes_and_wild_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="size"):
        confusion_matrix(np.zeros((2, 2), int), np.zeros((2, 3), int), 1)
    with pytest.raises(UsageError, match=r"0\.\.1"):
        confusion_matrix(np.zeros((1, 1), int), np.full((1, 1), 2), 1)


def test_answered_classes_count_by_the_older_rule() -> None:
    truth, answer = np.array([[1, 1, 2, 2]]), np.array([[1, 1, 2, 3]])
    matrix = confusion_matrix(truth, answer, 3)
    assert mean_iou(matrix, count_background=False) == pytest.approx((1 + 0.5) / 2)
    older = mean_iou(matrix, count_background=False, over="shown-or-answered")
    assert older == pytest.approx((1 + 0.5 + 0) / 3)


def test_numbers_of_detectron2(shared: Path) -> None:
    pack = np.load(shared / "reference/oracle/semseg_eval.npz")
    ignore = len(pack["conf_matrix_pred_by_gt"]) - 1
    matrix = np.zeros((ignore + 1, ignore + 1), dtype=np.int64)
    pairs = [key[2:] for key in pack.files if key.startswith("gt")]
    for pair in pairs:
        truth = pack[f"gt{pair}"].astype(np.int64) + 1
        matrix += confusion_matrix(truth, pack[f"pred{pair}"].astype(np.int64) + 1, ignore)
    found = semantic_scores(matrix, count_background=False)
    wanted = [float(pack[name]) / 100 for name in ("mIoU", "fwIoU", "mACC", "pACC")]
    assert list(found) == pytest.approx(wanted, rel=1e-12)


def test_numbers_of_the_older_detectron2(shared: Path) -> None:
    pack = np.load(shared / "reference/openworldsam/arrays.npz")
    by_answer = pack["metric.sem.conf"].astype(np.int64)
    matrix = np.zeros_like(by_answer)
    matrix[1:, 1:] = by_answer[:-1, :-1].T
    found = semantic_scores(matrix, count_background=False, over="shown-or-answered")
    assert 100 * np.array(found) == pytest.approx(pack["metric.sem.values"], rel=1e-6)
