"""What CLIP sees of a mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lexiseg.methods.baselines.crops import crop_square, square_region
from lexiseg.types import Mask

GRAY = (0.5, 0.5, 0.5)


def box_mask(x, y, width, height, size_hw=(40, 60)):
    inside = np.zeros(size_hw, bool)
    inside[y : y + height, x : x + width] = True
    return Mask.from_array(inside)


@given(
    st.integers(0, 59), st.integers(0, 39), st.integers(1, 60), st.integers(1, 40),
    st.floats(0, 2),
)  # fmt: skip
def test_region_holds_the_box_and_stays_inside(x, y, width, height, margin):
    mask = box_mask(x, y, width, height)
    left, top, right, bottom = square_region(mask, margin)
    inside = mask.bbox
    assert 0 <= left <= inside[0] and 0 <= top <= inside[1]
    assert inside[0] + inside[2] <= right <= 60 and inside[1] + inside[3] <= bottom <= 40
    side = max(inside[2:]) * (1 + 2 * margin)
    assert max(right - left, bottom - top) <= side + 1e-9


def test_region_is_square_in_the_middle_of_an_image():
    assert square_region(box_mask(20, 15, 10, 4), 0.1) == (19.0, 11.0, 31.0, 23.0)


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_crop_is_the_cut_and_resized_picture(kind):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    mask = box_mask(20, 15, 10, 4)
    crop = crop_square(image, mask, 20, kind, 0.0, GRAY)
    cut = image[12:22, 20:30].copy()
    if kind == "mask":
        cut[:3] = cut[7:] = 128
    wanted = Image.fromarray(cut).resize((20, 20), Image.Resampling.BICUBIC)
    inner = slice(6, 14)  # away from the border, where pixels beyond the cut are seen
    assert crop.shape == (20, 20, 3)
    np.testing.assert_array_equal(crop[inner, inner], np.asarray(wanted)[inner, inner])
