from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest

import lexiseg
from lexiseg.evaluation import evaluate, protocols_comparable


def test_same_terms_are_comparable_whatever_the_method(color_method: Any, painted: Any) -> None:
    one = evaluate(color_method(), painted()).protocol.to_json()
    other = evaluate(color_method(blind=("dog",)), painted()).protocol.to_json()
    assert one["settings"] != other["settings"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert protocols_comparable(one, other)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dataset", "voc21"),
        ("split", "train"),
        ("background", "left out"),
        ("prompts", ("puppy", "cat", "tree")),
        ("images", 3),
        ("asked", "names chosen per image"),
    ],
)
def test_differences_that_matter_are_named(
    color_method: Any, painted: Any, key: str, value: Any
) -> None:
    protocol = evaluate(color_method(), painted()).protocol
    other = replace(protocol, **{key: value})
    with pytest.warns(UserWarning, match=key):
        assert not protocols_comparable(protocol.to_json(), other.to_json())


def test_stamp_holds_what_a_reader_must_know(color_method: Any, painted: Any) -> None:
    stamp = evaluate(color_method(), painted(), limit=2).protocol.to_json()
    assert stamp["versions"]["lexiseg"] == lexiseg.__version__
    assert stamp["images"] == 2
    assert stamp["background"] == "counted as a class"
    assert {"split", "wording", "input_size", "seed", "settings", "weights"} <= set(stamp)
