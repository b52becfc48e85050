from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.errors import UsageError
from lexiseg.metrics import (
    ReferringScore,
    cumulative_overlap,
    mean_overlap,
    overlap,
    overlap_precision,
)


def test_overlap_counts_pixels() -> None:
    truth = np.array([[1, 1, 0, 0]], bool)
    answer = np.array([[0, 1, 1, 0]], bool)
    assert overlap(truth, answer) == (1, 3)


def test_mean_weighs_objects_and_cumulative_weighs_pixels() -> None:
    pairs = [(1, 2), (90, 100)]
    assert mean_overlap(pairs) == pytest.approx((0.5 + 0.9) / 2)
    assert cumulative_overlap(pairs) == pytest.approx(91 / 102)


def test_nothing_asked_and_nothing_found_is_right() -> None:
    empty, full = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    assert mean_overlap([overlap(empty, empty)]) == 1.0
    assert mean_overlap([overlap(empty, full)]) == 0.0


def test_single_pixels_and_nothing_at_all() -> None:
    assert mean_overlap([(1, 1), (0, 1), (0, 0)]) == pytest.approx(2 / 3)
    assert cumulative_overlap([(0, 0), (0, 0)]) == 1.0
    assert cumulative_overlap([(0, 0), (0, 4)]) == 0.0


def test_running_score_equals_lists() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((5, 2, 8, 8)) > 0.5
    score = ReferringScore()
    for truth, answer in masks:
        score.update(truth, answer)
    ious = [(t & a).sum() / (t | a).sum() for t, a in masks]
    assert score.compute()["miou"] == pytest.approx(np.mean(ious))
    both, either = (masks[:, 0] & masks[:, 1]).sum(), (masks[:, 0] | masks[:, 1]).sum()
    assert score.compute()["ciou"] == pytest.approx(both / either)


def test_no_objects_is_undefined_and_sizes_must_agree() -> None:
    assert np.isnan(mean_overlap([]))
    assert np.isnan(cumulative_overlap([]))
    with pytest.raises(UsageError, match=r"\(1, 2\) but the answer \(2, 1\)"):
        overlap(np.zeros((1, 2), bool), np.zeros((2, 1), bool))


def test_precision_is_the_share_of_good_pairs_and_the_bound_belongs_to_it() -> None:
    pairs = [(1, 2), (3, 4), (0, 0), (0, 5)]
    assert overlap_precision(pairs, 0.5) == 0.75
    assert overlap_precision(pairs, 0.75) == 0.5
    assert np.isnan(overlap_precision([], 0.5))


def test_numbers_of_the_released_evaluator(shared: Path) -> None:
    pack = np.load(shared / "reference/openworldsam/arrays.npz")
    answers = pack["post.mask_logits"][pack["metric.ground.order"], 0] > 0
    truths = pack["metric.ground.gt"] > 0
    pairs = [overlap(truth, answer) for truth, answer in zip(truths, answers, strict=True)]
    found = [cumulative_overlap(pairs), mean_overlap(pairs)]
    found += [overlap_precision(pairs, least) for least in (0.5, 0.6, 0.7, 0.8, 0.9)]
    assert 100 * np.array(found) == pytest.approx(pack["metric.ground.values"], rel=1e-5)
