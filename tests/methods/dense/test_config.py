from __future__ import annotations

import pytest

from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.methods.dense.config import BACKGROUND_WORDS, DenseConfig, find_config, preset_names
from lexiseg.registry import DATASETS


@pytest.mark.parametrize(
    ("scorer", "preset", "numbers"),
    [
        ("sclip", "voc21", (65, 0.1, 0.1)),
        ("sclip", "coco-object", (50, 0.1, 0.0)),
        ("sclip", "voc20", (40, 0.0, 0.0)),
        ("sc-clip", "voc21", (50, 0.15, 0.1)),
        ("sc-clip", "coco-object", (55, 0.35, 0.0)),
        ("clearclip", "voc21", (50, 0.0, 0.0)),
    ],
)
def test_published_numbers(scorer: str, preset: str, numbers: tuple[float, ...]) -> None:
    rule = find_config(scorer, preset).labels
    assert (rule.logit_scale, rule.min_probability, rule.min_area) == numbers


def test_every_preset_of_every_method_builds() -> None:
    for scorer in ("sclip", "sc-clip", "clearclip", "naclip", "maskclip", "clip-surgery"):
        for preset in preset_names():
            assert find_config(scorer, preset).window in (224, 448)
    assert len(BACKGROUND_WORDS) == 26


def test_each_data_set_for_semantic_segmentation_has_a_preset() -> None:
    semantic = {"voc21", "voc20", "context59", "context60", "coco-object"}
    semantic |= {"ade150", "ade847", "pc459"}
    assert semantic <= set(DATASETS) and semantic <= set(preset_names())


def test_unknown_preset_and_empty_window_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        find_config("sclip", "voc12")
    with pytest.raises(UsageError, match="window"):
        DenseConfig(window=0)


def test_clearclip_sees_larger_windows_and_one_word_of_background() -> None:
    config = find_config("clearclip", "voc21")
    assert (config.window, config.stride, config.short_side) == (448, 224, 448)
    assert config.background == ("background",)
    assert find_config("clearclip", "voc20").background == ()


@pytest.mark.parametrize("name", ["short_side", "long_side", "window", "stride", "batch"])
def test_sizes_begin_with_one(name: str) -> None:
    assert getattr(DenseConfig(**{name: 1}), name) == 1
    with pytest.raises(UsageError, match=f"'{name}' was given 0"):
        DenseConfig(**{name: 0})
