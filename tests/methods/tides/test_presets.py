"""The bundled weights on pictures that leave little to see."""

from __future__ import annotations

import numpy as np
import pytest

import lexiseg
from lexiseg.evaluation.presets import as_measured
from lexiseg.methods.tides import Tides

NAMES = ["dog", "apple", "zebra"]


@pytest.fixture(scope="module")
def tides():
    loaded = lexiseg.load("tides", preset="mini", device="cpu", dtype="float32")
    return loaded.configured(point_stride=16, max_points=4)


def noise(*size_hw):
    return np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        noise(1, 1),  # smaller than any window
        noise(2, 300),
        noise(200, 4096),  # a panorama
        np.full((48, 64, 3), 128, dtype=np.uint8),  # nothing to see, no contrast
    ],
    ids=["one pixel", "line", "panorama", "gray"],
)
def test_little_to_see(tides, image):
    result = tides.segment(image, NAMES)
    assert result.size_hw == image.shape[:2] and set(result.presence) == set(NAMES)
    assert all(result.presence[name].reason for name in NAMES)
    assert all(item.mask.size_hw == result.size_hw and item.mask.area for item in result.instances)
    assert {item.label for item in result.instances} == set(result.presence.kept)


def test_measures_rank_answers_that_pictures_leave_out(tides):
    shown, measured = tides.config, tides.configured(**tides.measured).config
    assert measured.min_score == 0 < shown.min_score
    assert measured.min_density < shown.min_density
    assert Tides(tides.scorer, tides.segmenter).measured == {}


def test_options_that_somebody_chose_are_measured_as_chosen() -> None:
    """Also where the choice is the preset's own value."""
    usual = lexiseg.load("tides", preset="mini").config
    for value in (0.3, usual.min_score):
        loaded = lexiseg.load("tides", preset="mini", min_score=value)
        changed = lexiseg.load("tides", preset="mini").configured(min_score=value)
        for tides in (loaded, changed):
            assert "min_score" not in tides.measured
            assert as_measured(tides).config.min_score == value
            assert as_measured(as_measured(tides)).config == as_measured(tides).config
    assert "min_score" in lexiseg.load("tides", preset="mini", min_density=0.2).measured
