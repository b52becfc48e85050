"""A segmenter by name for the sharpening of section 3.4."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lexiseg.errors import UnknownNameError
from lexiseg.methods.car import CaR, pipeline
from lexiseg.methods.car.config import RELEASED
from lexiseg.methods.car.loading import load_mask_proposer
from lexiseg.models.sam import CAR_CONFIG, AutomaticMasks
from lexiseg.registry import SEGMENTERS


def test_a_name_becomes_the_papers_generator(monkeypatch):
    asked = {}
    monkeypatch.setitem(SEGMENTERS._targets, "scripted", lambda **kinds: asked.update(kinds) or 7)
    proposer = load_mask_proposer("scripted", None, "cpu", "float32", {"min_score": 0.5})
    assert isinstance(proposer, AutomaticMasks) and proposer.segmenter == 7
    assert proposer.config == replace(CAR_CONFIG, min_score=0.5)
    assert asked == {"device": "cpu", "dtype": "float32", "weights": None}


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="sam-vit-b"):
        load_mask_proposer("sam-vit-x", None, "cpu", "float32", {})


def test_everything_that_is_asked_of_the_parts_reaches_them(monkeypatch):
    asked = {}

    def towers(*given):
        asked["towers"] = given
        return SimpleNamespace(), SimpleNamespace()

    def proposer(*given):
        asked["proposer"] = given
        return "proposer"

    monkeypatch.setitem(SEGMENTERS._targets, "scripted", None)
    monkeypatch.setattr(pipeline, "load_clip_pair", towers)
    monkeypatch.setattr(pipeline, "load_mask_proposer", proposer)
    monkeypatch.setattr(pipeline, "require_weights", lambda *given: asked.update(required=given))
    car = CaR.load(
        "mini", "cuda:1", "bfloat16", variant="released", proposal_weights="a",
        classifier_weights="b", segmenter="scripted", segmenter_weights="c", theta=0.7,
        **{"segmenter.min_score": 0.5},
    )  # fmt: skip
    assert asked == {
        "required": ("a", "b", "c"),
        "towers": ("a", "b", "cuda:1", "bfloat16"),
        "proposer": ("scripted", "c", "cuda:1", "bfloat16", {"min_score": 0.5}),
    }
    assert car.segmenter == "proposer" and car.config.theta == 0.7
    assert car.config.procedure == RELEASED
