from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.drawing import ellipse_outline, rectangle_outline

sides = st.integers(1, 80)
points = st.tuples(st.integers(-60, 140), st.integers(-60, 140))
half_axes = st.one_of(
    st.tuples(st.integers(0, 12), st.integers(0, 12)),
    st.tuples(st.integers(0, 150), st.integers(0, 150)),
)


def _slow_line(start, end):
    """Bresenham with an error counter, from left to right on an unbounded grid."""
    if end[0] < start[0]:
        start, end = end, start
    (x, y), down = start, 1 if end[1] > start[1] else -1
    wide, high = end[0] - start[0], abs(end[1] - start[1])
    long, short = max(wide, high), min(wide, high)
    error, pixels = long - 2 * short, set()
    for _ in range(long + 1):
        pixels.add((x, y))
        diagonal = error < 0
        error += 2 * long * diagonal - 2 * short
        x += high <= wide or diagonal
        y += down * (high > wide or diagonal)
    return pixels


def _slow_ellipse(center, axes):
    """Draw the polygon edge by edge, its vertices at sines of seven decimals rounded half up."""
    largest = max(axes)
    step = next((s for bound, s in ((3, 90), (10, 30), (15, 18)) if largest < bound), 5)
    vertices = []
    for degree in range(0, 361, step):
        sines = (round(math.sin(math.radians(angle)), 7) for angle in (degree + 90, degree))
        exact = (c + a * sine for c, a, sine in zip(center, axes, sines, strict=True))
        vertices.append(tuple(math.floor(round(v * 65536) / 65536 + 0.5) for v in exact))
    return set().union(*(_slow_line(start, end) for start, end in pairwise(vertices)))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 3))
def test_ellipse_equals_slow_twin_inside_the_image(half_width, half_height, margin):
    center = (half_width + margin, half_height + margin)
    shape = (2 * center[1] + 1, 2 * center[0] + 1)
    drawn = ellipse_outline(shape, center, (half_width, half_height))
    found = {(x, y) for y, x in zip(*np.nonzero(drawn), strict=True)}
    assert found == _slow_ellipse(center, (half_width, half_height))


@settings(deadline=None, max_examples=300)
@given(sides, sides, points, half_axes)
def test_ellipse_equals_opencv(height, width, center, axes):
    import cv2

    canvas = np.zeros((height, width), np.uint8)
    cv2.ellipse(canvas, center, axes, 0, 0, 360, 1, 1)
    np.testing.assert_array_equal(ellipse_outline((height, width), center, axes), canvas > 0)


@settings(deadline=None, max_examples=100)
@given(sides, sides, points, points)
def test_rectangle_equals_set_of_border_points(height, width, start, end):
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    expected = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            within = left <= x <= right and top <= y <= bottom
            expected[y, x] = within and (x in (left, right) or y in (top, bottom))
    np.testing.assert_array_equal(rectangle_outline((height, width), start, end), expected)


@settings(deadline=None, max_examples=100)
@given(sides, sides, points, points)
def test_rectangle_equals_opencv(height, width, start, end):
    import cv2

    canvas = np.zeros((height, width), np.uint8)
    cv2.rectangle(canvas, start, end, 1, 1)
    np.testing.assert_array_equal(rectangle_outline((height, width), start, end), canvas > 0)


def test_ellipse_without_extent_is_a_point():
    drawn = ellipse_outline((5, 7), (3, 2), (0, 0))
    assert np.argwhere(drawn).tolist() == [[2, 3]]


def test_ellipse_far_outside_is_empty():
    assert not ellipse_outline((5, 7), (300, 2), (20, 20)).any()
