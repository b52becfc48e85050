from __future__ import annotations

import colorsys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.datasets.miniworld.colors import apply_matrix, color_word, shift_matrix


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((230, 40, 40), "red"),
        ((250, 150, 30), "orange"),
        ((250, 220, 50), "yellow"),
        ((60, 170, 60), "green"),
        ((40, 90, 220), "blue"),
        ((130, 60, 190), "purple"),
        ((240, 110, 170), "pink"),
        ((120, 70, 30), "brown"),
        ((20, 20, 20), "black"),
        ((250, 250, 250), "white"),
        ((140, 140, 140), "gray"),
    ],
)
def test_clear_colors_are_named(rgb: tuple[int, int, int], word: str) -> None:
    assert color_word(rgb, 1.0) == word
    assert color_word(rgb, 0.2) == ""


@settings(deadline=None, max_examples=50)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_neutral_matrix_changes_nothing(rgb: tuple[int, int, int]) -> None:
    assert apply_matrix(shift_matrix(0, 1, 1), rgb) == rgb


@settings(deadline=None, max_examples=50)
@given(st.integers(60, 160), st.floats(-180, 180))
def test_gray_keeps_its_hue_free_color(level: int, hue: float) -> None:
    turned = apply_matrix(shift_matrix(hue, 1, 1), (level,) * 3)
    assert max(turned) - min(turned) <= 1


def test_a_third_of_a_turn_takes_red_to_green() -> None:
    turned = apply_matrix(shift_matrix(120, 1, 1), (200, 0, 0))
    hue = colorsys.rgb_to_hsv(*(value / 255 for value in turned))[0]
    assert abs(hue - 1 / 3) < 0.02 and color_word(turned, 1.0) == "green"


def test_no_saturation_gives_gray() -> None:
    assert len(set(apply_matrix(shift_matrix(50, 0, 1), (200, 40, 90)))) == 1
