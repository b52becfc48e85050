"""J and F against a twin that follows the DAVIS 2017 definition pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.metrics import VideoScore, boundary_f, region_similarity
from lexiseg.metrics.video import boundary


def slow_boundary(mask: np.ndarray) -> set[tuple[int, int]]:
    height, width = mask.shape
    line = set()
    for y in range(height):
        for x in range(width):
            below, right = min(y + 1, height - 1), min(x + 1, width - 1)
            if {mask[y, right], mask[below, x], mask[below, right]} != {mask[y, x]}:
                line.add((y, x))
    return line


def slow_f(truth: np.ndarray, answer: np.ndarray, bound: float) -> float:
    reach = bound if bound >= 1 else math.ceil(bound * math.hypot(*truth.shape))
    true, found = slow_boundary(truth), slow_boundary(answer)

    def share(points: set[tuple[int, int]], others: set[tuple[int, int]]) -> float:
        near = [any((y - v) ** 2 + (x - u) ** 2 <= reach**2 for v, u in others) for y, x in points]
        return sum(near) / len(near)

    if not found and true:
        precision, recall = 1.0, 0.0
    elif found and not true:
        precision, recall = 0.0, 1.0
    elif not found and not true:
        precision, recall = 1.0, 1.0
    else:
        precision, recall = share(found, true), share(true, found)
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def blobs(seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(2):
        mask = np.zeros(shape, bool)
        for _ in range(rng.integers(0, 3)):
            y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
            mask[y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = True
        masks.append(mask)
    return masks[0], masks[1]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 18), st.integers(1, 18)),
    st.sampled_from([0.008, 0.1, 2.0]),
)
def test_f_equals_the_definition(seed: int, shape: tuple[int, int], bound: float) -> None:
    truth, answer = blobs(seed, shape)
    assert boundary_f(truth, answer, bound=bound) == pytest.approx(slow_f(truth, answer, bound))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_boundary_equals_looking_at_three_neighbours(seed: int, shape: tuple[int, int]) -> None:
    mask, _ = blobs(seed, shape)
    assert set(zip(*np.nonzero(boundary(mask)), strict=True)) == slow_boundary(mask)


def test_j_is_iou_and_one_where_nothing_is_asked_nor_found() -> None:
    truth, answer = np.array([[1, 1, 0]], bool), np.array([[0, 1, 1]], bool)
    assert region_similarity(truth, answer) == pytest.approx(1 / 3)
    assert region_similarity(truth & False, truth & False) == 1.0


def test_void_pixels_do_not_count() -> None:
    truth, answer = np.array([[1, 1, 0]], bool), np.array([[0, 1, 1]], bool)
    void = np.array([[1, 0, 1]], bool)
    assert region_similarity(truth, answer, void) == 1.0


def test_tolerance_follows_the_diagonal_of_the_picture() -> None:
    shape = (480, 854)  # the DAVIS size: reach is ceil(0.008 * 979.7) = 8 pixels
    truth, near, far = (np.zeros(shape, bool) for _ in range(3))
    truth[100:200, 100:300] = True
    near[100:200, 108:308] = True
    far[100:200, 120:320] = True
    assert boundary_f(truth, near) == 1.0
    assert boundary_f(truth, far) < 1.0


def test_clip_score_is_the_mean_over_frames() -> None:
    frames = [blobs(seed, (14, 15)) for seed in range(3)]
    score = VideoScore()
    for truth, answer in frames:
        score.update(truth, answer)
    result = score.compute()
    j = [region_similarity(*pair) for pair in frames]
    f = [boundary_f(*pair) for pair in frames]
    assert result["j"] == pytest.approx(np.mean(j))
    assert result["f"] == pytest.approx(np.mean(f))
    assert result["jf"] == pytest.approx((np.mean(j) + np.mean(f)) / 2)
    assert result["j_recall"] == pytest.approx(np.mean([value > 0.5 for value in j]))
    assert result["f_recall"] == pytest.approx(np.mean([value > 0.5 for value in f]))


def test_half_is_not_above_one_half() -> None:
    score = VideoScore(region=[0.5, 0.75, 1.0, 0.0], boundary=[0.5, 0.5, 1.0, 0.25])
    result = score.compute()
    assert (result["j_recall"], result["f_recall"]) == (0.5, 0.25)


def test_void_pixels_do_not_count_in_a_clip() -> None:
    truth, answer = blobs(0, (14, 15))
    score = VideoScore()
    score.update(truth, answer, truth != answer)
    assert score.compute() == {"j": 1, "f": 1, "jf": 1, "j_recall": 1, "f_recall": 1}
    assert boundary_f(truth, answer) < 1
