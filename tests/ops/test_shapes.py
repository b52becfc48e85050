"""Outlines of drawn shapes, against areas and distances that geometry gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexiseg.ops.polygons import rings_to_mask
from lexiseg.ops.shapes import box_ring, ellipse_ring, turn_ring

radius = st.floats(0.5, 300)


@given(radius, radius)
def test_an_ellipse_stays_within_a_hundredth_of_a_pixel_of_its_curve(a, b):
    ring = ellipse_ring((3, -7), (a, b))
    on_curve = ((ring - (3, -7)) / (a, b)) ** 2
    assert np.allclose(on_curve.sum(axis=1), 1)
    middles = (ring + np.roll(ring, -1, axis=0)) / 2 - (3, -7)
    inside = 1 - np.hypot(*(middles / (a, b)).T)
    assert (inside * max(a, b)).max() <= 0.0101


def test_an_ellipse_fills_the_pixels_whose_centres_it_holds():
    mask = rings_to_mask([ellipse_ring((20.3, 14.8), (15, 9))], (30, 40))
    y, x = np.mgrid[:30, :40] + 0.5
    form = ((x - 20.3) / 15) ** 2 + ((y - 14.8) / 9) ** 2
    sure = np.abs(form - 1) > 0.005
    assert np.array_equal(mask[sure], (form <= 1)[sure])


@pytest.mark.parametrize(
    ("degrees", "corner"), [(0, (4, 1)), (90, (-1, 4)), (180, (-4, -1)), (-90, (1, -4))]
)
def test_turning_is_clockwise_on_the_screen(degrees, corner):
    turned = turn_ring(np.array([[4.0, 1.0]]), degrees, (0, 0))
    assert np.allclose(turned, [corner])


@given(st.floats(-720, 720), st.floats(-50, 50), st.floats(-50, 50))
def test_turning_keeps_distances_and_turns_back(degrees, x, y):
    box = box_ring(1, 2, 9, 5)
    turned = turn_ring(box, degrees, (x, y))
    assert np.allclose(np.hypot(*(box - (x, y)).T), np.hypot(*(turned - (x, y)).T))
    assert np.allclose(turn_ring(turned, -degrees, (x, y)), box)
