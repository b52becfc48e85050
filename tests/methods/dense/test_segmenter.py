from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lexiseg.methods.dense import DenseConfig, SclipSegmenter
from lexiseg.methods.dense.labels import LabelRule
from lexiseg.methods.dense.segmenter import resize_short_side
from lexiseg.registry import SCORERS
from lexiseg.types import Method, Vocabulary

TINY = Path(__file__).parents[2] / "scorers" / "conftest.py"
SMALL = {"short_side": 48, "window": 48, "stride": 24}


@pytest.fixture(scope="module")
def scorer():
    spec = importlib.util.spec_from_file_location("tiny_clip", TINY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return SCORERS["sclip"](module.make_clip())


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)


def test_without_background_every_pixel_has_a_name(scorer, image) -> None:
    method = SclipSegmenter(scorer, DenseConfig(**SMALL))
    assert isinstance(method, Method)
    result = method.segment(image, ["dog", "cat", "sky"])
    assert sum(item.mask.area for item in result.instances) == 40 * 70
    assert result.recipe.method == "sclip" and "scorer.templates" in result.recipe.settings


def test_background_words_and_thresholds_leave_pixels_unnamed(scorer, image) -> None:
    rule = LabelRule(40, min_probability=1.1)
    result = SclipSegmenter(scorer, DenseConfig(**SMALL, background=("sky",), labels=rule)).segment(
        image, ["dog", "cat"]
    )
    assert not len(result.instances) and not result.presence.kept
    assert all("no pixel left" in entry.reason for entry in result.presence.values())


def test_names_that_win_pixels_are_kept(scorer, image) -> None:
    result = SclipSegmenter(scorer, DenseConfig(**SMALL)).segment(image, ["dog", "cat", "sky"])
    won = {item.label for item in result.instances}
    assert won and set(result.presence.kept) == won
    assert all(0 < item.score <= 1 for item in result.instances)
    for name, entry in result.presence.items():
        assert (entry.kept is True) == (name in won) == entry.reason.startswith("wins pixels")
        assert 0 < entry.score <= 1


def test_words_of_the_background_can_be_asked_for(scorer) -> None:
    method = SclipSegmenter(scorer, DenseConfig(background=("SKY", "wall")))
    assert method._queries(Vocabulary.parse(["Sky", "dog"])) == (["wall", "Sky", "dog"], [0, 1, 2])
    assert method._queries(Vocabulary.parse(["sky", "wall"]))[0][0] == "background"


def test_synonyms_compete_as_one_class(scorer, image) -> None:
    config = DenseConfig(**SMALL, synonyms=(("cat", "kitten", "tomcat"),))
    texts, numbers = SclipSegmenter(scorer, config)._queries(Vocabulary.parse(["cat", "dog"]))
    assert texts == ["cat", "kitten", "tomcat", "dog"] and numbers == [1, 1, 1, 2]


def test_resizing_keeps_the_shape_and_the_bound() -> None:
    image = np.zeros((100, 400, 3), np.uint8)
    assert resize_short_side(image, 50, 2048).shape == (50, 200, 3)
    assert resize_short_side(image, 336, 800).shape == (200, 800, 3)
    assert resize_short_side(image, 100, 400) is image
