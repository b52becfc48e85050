"""Key points, rectangles and typed words, as the program sends them."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.integrations.label_studio.prompts import drawn_prompts, typed_text

SIZE_HW = (50, 200)


def point(x, y, positive=1, label="Red"):
    value = {"x": x, "y": y, "width": 0.3, "keypointlabels": [label]}
    return {"type": "keypointlabels", "value": value, "is_positive": positive}


def box(x, y, width, height, label="Red"):
    value = {"x": x, "y": y, "width": width, "height": height, "rectanglelabels": [label]}
    return {"type": "rectanglelabels", "value": value}


def prompts(*entries):
    return drawn_prompts({"result": list(entries)}, SIZE_HW)


def test_points_are_percents_and_describe_one_object():
    (prompt,) = prompts(point(10, 20), point(50, 100, 0, "Blue"))
    assert prompt.points == ((20, 10), (100, 50)) and prompt.inside == (True, False)
    assert (prompt.box, prompt.label) == (None, "Red")


def test_a_rectangle_takes_all_points():
    (prompt,) = prompts(point(90, 90, 0), box(10, 20, 50, 40, "Car"))
    assert prompt.box == (20, 10, 120, 30) and prompt.points == ((180, 45),)
    assert prompt.label == "Car"


def test_several_rectangles_are_several_objects():
    first, second, third = prompts(
        box(0, 0, 10, 50), box(50, 0, 10, 50, "Car"), point(55, 10), point(90, 90)
    )
    assert (first.points, second.points, third.points) == ((), ((110, 5),), ((180, 45),))
    assert (second.label, third.box) == ("Car", None)


def test_nothing_drawn_is_no_prompt():
    assert prompts() == [] and drawn_prompts({}, SIZE_HW) == []
    assert prompts({"type": "textarea", "value": {"text": ["dog"]}}, {"value": 3}) == []


@pytest.mark.parametrize(
    "entry", [point("x", 1), point(None, 1), box(1, 1, "?", 3), point(1, 1, 0)]
)
def test_malformed_marks_are_one_sentence(entry):
    with pytest.raises(UsageError) as caught:
        prompts(entry)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "typed"), [(["dog", " cat "], "dog, cat"), ("dog", "dog"), ([], ""), ([" "], "")]
)
def test_typed_words(text, typed):
    context = {"result": [point(1, 1), {"type": "textarea", "value": {"text": text}}]}
    assert typed_text(context) == typed
