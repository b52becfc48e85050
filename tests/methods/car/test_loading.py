"""A segmenter by name for the sharpening of section 3.4."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lexiseg.errors import UnknownNameError
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
