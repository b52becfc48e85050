from __future__ import annotations

import numpy as np
import pytest

from lexiseg.metrics import bootstrap_interval


def test_interval_of_a_mean_has_the_width_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, size=400)
    low, high = bootstrap_interval(400, lambda w: w @ values / 400, draws=2000)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(400), rel=0.1)


def test_same_seed_same_interval_and_other_confidence_narrower() -> None:
    values = np.arange(50.0)

    def mean(weights: np.ndarray) -> np.ndarray:
        return weights @ values / 50

    wide = bootstrap_interval(50, mean)
    assert wide == bootstrap_interval(50, mean)
    narrow = bootstrap_interval(50, mean, confidence=0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_every_drawing_has_as_many_images_as_there_are() -> None:
    seen = []

    def watch(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        return weights.sum(axis=1).astype(float)

    assert bootstrap_interval(7, watch, draws=5) == (7.0, 7.0)
    assert seen[0].shape == (5, 7)


def test_nothing_to_draw_from_is_undefined() -> None:
    assert np.isnan(bootstrap_interval(0, lambda w: w)).all()
    assert np.isnan(bootstrap_interval(3, lambda w: np.full(len(w), np.nan))).all()


def test_drawings_without_a_value_are_left_out() -> None:
    """The mean over those images of a class that were drawn, with the class in 2 of 8 images."""
    values = np.array([3.0, 7.0, 0, 0, 0, 0, 0, 0])
    shown = np.arange(8) < 2
    drawn = []

    def mean(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            drawn.append((weights @ values) / (weights @ shown))
        return drawn[-1]

    low, high = bootstrap_interval(8, mean, draws=500)
    assert 0 < np.isnan(drawn[0]).sum() < 500
    assert low == 3 and high == 7
    usable = drawn[0][~np.isnan(drawn[0])]
    narrow = bootstrap_interval(8, mean, draws=500, confidence=0.3)
    assert narrow == pytest.approx(np.quantile(usable, [0.35, 0.65]), abs=0.5)


def test_bias_of_the_drawings_is_taken_back() -> None:
    """A statistic that grows with the share of images left out, as mIoU over rare classes does.

    If drawing from the sample adds a bias, drawing the sample has added the same one before, so
    Efron's interval lies that much below the observed value.
    """
    values = np.random.default_rng(3).normal(size=100)
    bias = 0.27 / np.e

    def biased(weights: np.ndarray) -> np.ndarray:
        return weights @ values / 100 + 0.27 * (weights == 0).mean(axis=1)

    low, high = bootstrap_interval(100, biased, draws=4000)
    plain = np.array(bootstrap_interval(100, lambda w: w @ values / 100, draws=4000))
    assert (low, high) == pytest.approx(plain - bias, abs=0.03)
    assert low < biased(np.ones((1, 100)))[0] < high
