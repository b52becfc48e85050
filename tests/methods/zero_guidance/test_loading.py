"""Variants, presets and options put together."""

from __future__ import annotations

import pytest

from lexiseg.errors import LexisegError, UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.zero_guidance import PRESETS, ZeroGuidance, ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.loading import choose
from lexiseg.methods.zero_guidance.presets import find_preset

PAPER = PRESETS["paper"]


def test_the_papers_numbers_are_the_defaults():
    choice = choose(PAPER, "recommended", None, {})
    config = choice.config
    assert config == ZeroGuidanceConfig()
    assert (config.segments, config.max_splits, config.max_sibling_cosine) == (20, 19, 0.9)
    assert 2 * config.sigma_squared == 5 and config.masked_blocks == 4
    assert (config.image_weight, config.min_similarity) == (0.5, 0.8)
    assert (config.crf.spatial_weight, config.crf.bilateral_weight) == (25, 100)
    assert choice.decoder == "vocabulary"


def test_variants_differ_where_paper_and_code_do():
    paper, released = (choose(PAPER, name, None, {}) for name in ("paper", "released"))
    assert paper.config.saliency == "outputs" and released.config.saliency == "rows"
    assert paper.config.max_splits == 19 and released.config.max_splits == 10
    assert paper.decoder == released.decoder == "zerocap"
    assert released.decoder_options == {"language_model": "gpt2-medium", "clean_up": "released"}
    assert paper.decoder_options == {"language_model": "gpt2-medium", "clean_up": "dot"}


def test_the_preset_paper_is_the_papers_method():
    paper, words = (choose(PRESETS[name], None, None, {}) for name in ("paper", "word-list"))
    assert (paper.decoder, paper.config.saliency) == ("zerocap", "outputs")
    assert paper == choose(PAPER, "paper", None, {})
    assert (words.decoder, words.config) == ("vocabulary", ZeroGuidanceConfig())
    assert words.checkpoints == ()


def test_a_variant_wins_over_a_preset_that_disagrees():
    mini = PRESETS["mini"]
    assert mini.options["saliency"] == "outputs"
    assert choose(mini, None, None, {}).config.saliency == "outputs"
    released = choose(mini, "released", None, {})
    assert (released.config.saliency, released.config.splits) == ("rows", "half")
    assert released.config.stride == mini.options["stride"]
    assert choose(mini, "released", None, {"saliency": "projected"}).config.saliency == "projected"


def test_what_is_more_special_wins():
    options = {"stride": 8, "decoder.top": 3}
    choice = choose(PRESETS["mini"], "paper", "vocabulary", options)
    assert choice.config.stride == 8 and choice.config.saliency == "outputs"
    assert choice.decoder == "vocabulary" and choice.decoder_options["top"] == 3
    assert choice.decoder_options["words"] == "miniworld"
    assert "language_model" not in choice.decoder_options


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"variant": "literal"}, UnknownNameError),
        ({"decoder": "poet"}, UnknownNameError),
        ({"options": {"no_such": 1}}, UnknownNameError),
        ({"options": {"saliency": "columns"}}, UsageError),
        ({"options": {"sigma_squared": 0.0}}, UsageError),
        ({"options": {"template": "Image of a dog"}}, UsageError),
    ],
)
def test_wrong_choices_are_explained(changes, error):
    given = {"preset": PAPER, "variant": "recommended", "decoder": None, "options": {}, **changes}
    with pytest.raises(error):
        choose(**given)


def test_unknown_presets_and_absent_weights():
    with pytest.raises(UnknownNameError):
        find_preset("huge")
    with pytest.raises(WeightsNotFoundError):
        ZeroGuidance.load("mini", dino_weights="facebook/no-such-dino")


def test_a_decoder_option_that_does_not_exist():
    with pytest.raises(LexisegError, match="no_such"):
        ZeroGuidance.load("mini", device="cpu", **{"decoder.no_such": 1})
