from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lexiseg.errors import UsageError
from lexiseg.ops.filters import gaussian_blur, gray

sides = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)


def _picture(height, width, seed):
    rng = np.random.default_rng(seed)
    levels = rng.choice([2, 17, 256])
    noise = rng.integers(0, levels, (height, width, 3)) * (255 // (levels - 1))
    return noise.astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(0, 12), seeds)
def test_blur_is_a_float_gaussian_up_to_its_fixed_point(height, width, radius, seed):
    size = 2 * radius + 1
    image = _picture(height, width, seed)
    sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
    taps = np.exp(-0.5 * ((np.arange(size) - radius) / sigma) ** 2)
    expected = image.astype(np.float64)
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, taps / taps.sum(), axis, mode="mirror")
    # Taps are multiples of 1/256, off by half a unit at most in each of the two passes; the
    # hand-made kernels of small sizes stray further from the nominal Gaussian.
    bound = 8.0 if size < 9 else size / 4
    assert np.abs(gaussian_blur(image, size) - expected).max() <= bound


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(0, 20), seeds)
def test_blur_equals_opencv(height, width, radius, seed):
    import cv2

    image, size = _picture(height, width, seed), 2 * radius + 1
    np.testing.assert_array_equal(
        gaussian_blur(image, size), cv2.GaussianBlur(image, (size, size), 0)
    )


def test_blur_keeps_constant_pictures_and_layout():
    image = np.full((9, 20), 137, np.uint8)
    blurred = gaussian_blur(image)
    assert blurred.dtype == np.uint8
    np.testing.assert_array_equal(blurred, image)


@pytest.mark.parametrize("size", [0, -3, 14])
def test_blur_rejects_even_sizes(size):
    with pytest.raises(UsageError, match=f"size {size} "):
        gaussian_blur(np.zeros((4, 4), np.uint8), size)


@settings(deadline=None, max_examples=30)
@given(sides, sides, seeds)
def test_gray_rounds_the_weighted_sum(height, width, seed):
    image = _picture(height, width, seed)
    exact = image @ np.array([0.114, 0.587, 0.299])
    assert np.abs(gray(image) - exact).max() <= 0.52
    assert gray(image).dtype == np.uint8


def test_gray_equals_opencv_on_all_channel_values():
    import cv2

    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    np.testing.assert_array_equal(gray(image), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
