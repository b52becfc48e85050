"""A segmenter by name for the sharpening of section 3.4."""

from __future__ import annotations

import pytest

from lexiseg.errors import UnknownNameError
from lexiseg.methods.car.loading import load_mask_proposer
from lexiseg.models.sam import CAR_CONFIG, AutomaticMasks
from lexiseg.registry import SEGMENTERS


def test_a_name_becomes_the_papers_generator(monkeypatch):
    asked = {}
    monkeypatch.setitem(SEGMENTERS._targets, "scripted", lambda **kinds: asked.update(kinds) or 7)
    proposer = load_mask_proposer("scripted", "cpu", "float32")
    assert isinstance(proposer, AutomaticMasks) and proposer.segmenter == 7
    assert proposer.config == CAR_CONFIG
    assert asked == {"device": "cpu", "dtype": "float32"}


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="sam-vit-b"):
        load_mask_proposer("sam-vit-x", "cpu", "float32")
