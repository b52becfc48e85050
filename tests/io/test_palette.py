"""Colours that are the same everywhere, and readable."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lexiseg.io.palette import color_of, luminance, shade, text_color_on, voc_palette

NAMES = [f"name {number}" for number in range(400)]


def test_another_process_gives_the_same_colour():
    code = "from lexiseg.io.palette import color_of; print(color_of('dog'))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert other.stdout.strip() == str(color_of("dog"))


def test_spelling_variants_share_a_colour_and_names_do_not():
    assert color_of("red_car") == color_of("Red  car ")
    assert len({color_of(name) for name in NAMES}) > 350


def test_colours_are_bright_enough_for_photographs_and_spread_in_lightness():
    light = np.array([luminance(color_of(name)) for name in NAMES])
    assert light.min() > 0.08
    assert light.max() < 0.85
    assert np.ptp(light) > 0.4


@pytest.mark.parametrize("name", NAMES[:60])
def test_text_contrasts_with_every_colour(name):
    colour = color_of(name)
    light, dark = sorted([luminance(colour), luminance(text_color_on(colour))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_shade_reaches_white_and_black():
    assert shade((10, 20, 30), 1) == (255, 255, 255)
    assert shade((10, 20, 30), -1) == (0, 0, 0)
    assert shade((10, 20, 30), 0) == (10, 20, 30)


def test_voc_palette_has_the_published_colours():
    palette = voc_palette()
    assert palette[[0, 1, 2, 15, 20, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [0, 64, 128],
        [224, 224, 192],
    ]
