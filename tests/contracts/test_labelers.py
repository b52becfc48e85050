"""What every method must do that names things itself, with the weights inside the package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lexiseg.errors import LexisegError
from lexiseg.registry import CAPTIONERS, METHODS
from lexiseg.types import Captioner, Method, Result

QUICK = {"short_side": 48, "stride": 8, "segments": 4, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module", params=["zero-guidance"])
def labeler(request: pytest.FixtureRequest) -> Any:
    return METHODS[request.param].load(preset="mini", **QUICK)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (6, 10, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def test_fulfils_the_protocol(labeler: Any) -> None:
    assert isinstance(labeler, Method)


def test_answer_is_complete_and_fits_the_image(labeler: Any, image: np.ndarray) -> None:
    before = image.copy()
    scene = labeler.encode(image)
    result = labeler.label(scene)
    assert isinstance(result, Result) and result.size_hw == (48, 80)
    assert result.names == tuple(result.presence) == result.presence.kept
    assert set(result.instances.labels) == set(result.names)
    assert all(item.mask.size_hw == (48, 80) and item.mask.area for item in result.instances)
    assert all(0 <= entry.score <= 1 and entry.reason for entry in result.presence.values())
    assert result.recipe.weights and result.recipe.timing_ms["total"] > 0
    assert labeler.label(scene).instances.items == result.instances.items
    assert np.array_equal(image, before)


def test_one_pixel(labeler: Any) -> None:
    result = labeler.label(np.zeros((1, 1, 3), np.uint8))
    assert result.size_hw == (1, 1) and len(result.instances) == 1


def test_unknown_option_and_decoder_are_refused(labeler: Any) -> None:
    for wrong in ({"no_such_option": 1}, {"decoder": "no_such_option"}):
        with pytest.raises(LexisegError, match="no_such_option"):
            type(labeler).load(preset="mini", **wrong)


@pytest.mark.parametrize("decoder", list(CAPTIONERS))
def test_every_decoder_names_any_number_of_segments(decoder: str, labeler: Any) -> None:
    quick = {"decoder.beams": 2, "decoder.iterations": 1, "decoder.max_tokens": 3}
    options = quick if decoder == "zerocap" else {}
    other = type(labeler).load(preset="mini", decoder=decoder, **QUICK, **options)
    captioner = other.captioner
    assert isinstance(captioner, Captioner)
    features = other.clip.text_features(["dog", "sky"])
    for count in (0, 1, 2):
        described = captioner.describe(features[:count])
        assert len(described) == count
        for entry in described:
            assert entry.text and -1 <= entry.score <= 1
            assert entry.text not in [text for text, _ in entry.alternatives]
