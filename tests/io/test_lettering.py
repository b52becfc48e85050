"""Legend strips: boxes and names side by side, line by line."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.io.lettering import Lettering

RED = (250, 0, 0)
LETTERS = Lettering(size=20, line_width=1)


def columns(strip, chosen):
    """First and last column of the pixels that a rule chooses."""
    where = np.flatnonzero(chosen(np.asarray(strip).astype(int)).any(axis=0))
    return where[0], where[-1]


def is_red(pixels):
    return (pixels[..., 0] > 200) & (pixels[..., 1] < 60)


def is_dark(pixels):
    return pixels.max(axis=-1) < 130


def test_a_box_stands_before_its_name_and_does_not_touch_it():
    strip = LETTERS.legend({"dog": RED}, [], 300)
    box, word = columns(strip, is_red), columns(strip, is_dark)
    assert box[0] == 20 and 16 <= box[1] - box[0] <= 20
    assert box[1] + 5 < word[0] < box[1] + 15
    assert word[1] - word[0] == pytest.approx(LETTERS.fit("dog", 300).size_wh[0] - 10, abs=4)


def test_names_follow_each_other_in_lines_of_the_given_width():
    one = LETTERS.legend({"dog": RED}, [], 300)
    assert one.size == (300, 38 + 20)
    many = LETTERS.legend({f"name {k}": RED for k in range(9)}, [], 300)
    assert many.size[0] == 300 and (many.size[1] - 20) % 38 == 0
    assert columns(many, is_red)[0] == 20 and columns(many, is_dark)[1] < 300 - 20
    narrow = LETTERS.legend({f"name {k}": RED for k in range(9)}, [], 130)
    assert narrow.size[1] == 9 * 38 + 20


def test_names_that_are_not_here_are_faint_and_have_no_box():
    strip = np.asarray(LETTERS.legend({}, ["cat"], 300)).astype(int)
    assert not is_red(strip).any() and not (strip.max(axis=-1) < 100).any() and is_dark(strip).any()
    assert LETTERS.legend({}, [], 300).size == (300, 0)


def test_a_box_is_a_little_higher_than_its_letters():
    label = LETTERS.fit("dog", 300)
    assert label.size_wh[1] == 22 + 5
    assert label.size_wh[0] == round(label.font.getlength("dog")) + 10


def test_letters_grow_with_the_picture_within_bounds():
    sizes = [Lettering.for_picture((side, side)).size for side in (10, 320, 640, 9000)]
    assert sizes == [10, 10, 20, 96]
    assert Lettering.for_picture((320, 1280)).size == Lettering.for_picture((640, 640)).size
    assert Lettering.for_picture((640, 640), 2.0).size == 40
