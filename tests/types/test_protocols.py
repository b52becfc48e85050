"""What a foreign method must bring is checked when it is first asked for."""

from __future__ import annotations

from typing import Any

import pytest

import lexiseg
from lexiseg.errors import UsageError
from lexiseg.registry import METHODS
from lexiseg.types import Recipe


class Whole:
    """All that a method of another package has to have; it finds nothing."""

    name, task, verbs, takes_stuff = "foreign", "semantic", ("segment",), False

    @classmethod
    def load(cls, **options: Any) -> Whole:
        return cls()

    def recipe(self) -> Recipe:
        return Recipe("foreign", "paper")

    def configured(self, **options: Any) -> Whole:
        return self

    def encode(self, image: Any) -> Any:
        return image

    def segment(self, image: Any, names: Any) -> Any:
        return names


def refused(monkeypatch: pytest.MonkeyPatch, kind: Any) -> str:
    monkeypatch.setitem(METHODS._targets, "foreign", kind)
    with pytest.raises(UsageError) as caught:
        lexiseg.load("foreign")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_one_that_has_all_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS._targets, "foreign", Whole)
    assert lexiseg.load("foreign").segment("a.jpg", "dog") == "dog"


@pytest.mark.parametrize("lost", ["load", "recipe", "configured", "encode", "segment"])
def test_a_call_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    assert f"lacks {lost}()" in refused(monkeypatch, type("Part", (Whole,), {lost: None}))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"task": "panoptic"}, "task (one of semantic, instances, self-named)"),
        ({"verbs": ()}, "verbs (some of segment, refer, label, video)"),
        ({"verbs": ("segment", "answer")}, "verbs (some of"),
        ({"verbs": ("segment", "refer")}, "lacks refer()"),
        ({"name": "other"}, "calls itself 'other'"),
    ],
)
def test_what_is_declared_wrongly_is_told(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(monkeypatch, type("Part", (Whole,), changed))


def test_what_is_no_method_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lacks name" in refused(monkeypatch, lambda **_: None)
