"""Sentences instead of names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lexiseg.errors import UnknownNameError
from lexiseg.methods.car import CaR
from lexiseg.methods.car.referring import clean_sentence, merge_sentences

Paint = Callable[..., NDArray[np.uint8]]
SENTENCES = ["The left boat", "a red car on grass"]


def test_every_sentence_gets_its_own_mask(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    both = car.refer(scene, SENTENCES)
    alone = [car.refer(scene, sentence) for sentence in SENTENCES]
    assert both.names == tuple(SENTENCES)
    assert both.instances.items == tuple(item for r in alone for item in r.instances.items)
    assert all(entry.score == 1 for entry in both.presence.values())


def test_a_sentence_may_hold_a_comma(car: CaR, picture: Paint) -> None:
    assert car.refer(picture(), "the dog, not the cat").names == ("the dog, not the cat",)


def test_sentences_of_one_object_give_one_region(car: CaR, picture: Paint) -> None:
    result = car.refer(picture(), SENTENCES, protocol="ensemble")
    assert len(result.instances) <= 1
    scores = [result.presence[sentence].score for sentence in SENTENCES]
    assert sum(scores) == pytest.approx(1, abs=0.3)
    best = SENTENCES[int(np.argmax(scores))]
    assert result.instances.labels in ((best,), ())


def test_nothing_may_be_meant(car: CaR, picture: Paint) -> None:
    strict = car.configured(reject_all=True, theta=1.0)
    for protocol in ("per-sentence", "ensemble"):
        result = strict.refer(picture(), SENTENCES, protocol=protocol)
        assert len(result.instances) == 0 and result.presence.kept == ()


def test_unknown_protocol(car: CaR, picture: Paint) -> None:
    with pytest.raises(UnknownNameError, match="protocol"):
        car.refer(picture(), SENTENCES, protocol="both")  # type: ignore[arg-type]


def test_cleaning() -> None:
    assert clean_sentence('Man in "blue"/white') == "man in bluewhite"


def masks(*rows: str) -> NDArray[np.bool_]:
    return np.array([[[pixel == "x" for pixel in row]] for row in rows])


def test_majority_is_weighted_by_score() -> None:
    given = masks("xx..", ".xx.", "..xx")
    merged = merge_sentences(given, np.array([0.5, 0.3, 0.2]))
    assert merged.tolist() == [[True, True, True, False]]


def test_a_tiny_agreement_is_widened_to_the_union() -> None:
    given = masks("x.x.", "....", "....", "...x")
    merged = merge_sentences(given, np.array([0.3, 0.3, 0.3, 0.1]))
    assert merged.tolist() == [[True, False, True, True]]


def test_scores_of_zero_count_alike() -> None:
    assert merge_sentences(masks("xx", "x."), np.zeros(2)).tolist() == [[True, True]]
