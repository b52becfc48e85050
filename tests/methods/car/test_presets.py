"""Presets carry the published numbers."""

from __future__ import annotations

import pytest

from lexiseg.datasets import load_class_list
from lexiseg.errors import UnknownNameError
from lexiseg.methods.car.config import PAPER, RELEASED, TEMPLATES
from lexiseg.methods.car.presets import PRESETS, find_preset

# name: (eta, theta, lambda) of the paper, then of the released configs
PUBLISHED = {
    "voc21": ((0.4, 0.6, 0.4), (0.4, 0.6, 0.4)),
    "coco-object": ((0.5, 0.3, 0.5), (0.5, 0.3, 0.5)),
    "context60": ((0.6, 0.2, 0.4), (0.6, 0.25, 0.4)),
    "ade150": ((0.6, 0.25, 0.7), (0.6, 0.25, 0.7)),
    "pc459": ((0.4, 0.25, 0.7), (0.4, 0.25, 0.7)),
    "ade847": ((0.6, 0.25, 0.7), (0.6, 0.25, 0.7)),
    "refcoco": ((0.5, 0.3, 0.5), (0.5, 0.3, 0.5)),
    "refcoco+": ((0.2, 0.1, 0.5), (0.2, 0.1, 0.5)),
    "refcocog": ((0.5, 0.1, 0.6), (0.5, 0.1, 0.6)),
    "gres": ((0.5, 0.0, 0.3), (0.5, 0.0, 0.3)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_thresholds(name: str) -> None:
    for variant, expected in zip(("paper", "released"), PUBLISHED[name], strict=True):
        config = find_preset(name).config(variant)
        assert (config.eta, config.theta, config.lam) == expected


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_variants_differ_where_paper_and_code_do(name: str) -> None:
    paper, released = (find_preset(name).config(variant) for variant in ("paper", "released"))
    assert (paper.procedure, released.procedure) == (PAPER, RELEASED)
    assert (paper.crf.image, released.crf.image) == ("rgb", "bgr_wrapped")
    assert released.background == ("released",)


def test_stuff_comes_from_the_class_list() -> None:
    assert len(find_preset("context60").config("paper").stuff) == 21
    assert find_preset("voc21").config("paper").stuff == ()


@pytest.mark.parametrize("name", ["context60", "ade150", "pc459"])
def test_stuff_is_in_alphabetical_order(name: str) -> None:
    """A class list holds a set, whose order changes from run to run; a recipe must not."""
    stuff = find_preset(name).config("paper").stuff
    assert stuff == tuple(sorted(load_class_list(find_preset(name).class_list or "").stuff))


def test_circle_alone_marks_released_refcoco() -> None:
    assert find_preset("refcoco").config("released").prompts == ("circle",)
    assert find_preset("refcoco").config("paper").prompts == ("circle", "blur")


def test_fifteen_templates() -> None:
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 15
    assert [template.endswith(".") for template in TEMPLATES[2:6]] == [False] * 4


def test_unknown_preset_is_named() -> None:
    with pytest.raises(UnknownNameError, match="preset 'voc2'"):
        find_preset("voc2")
