"""Outlines against slow twins: a pixel loop, a brute-force fill and Pillow-free geometry."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import label

from lexiseg.ops.polygons import join_rings, mask_to_polygons, rings_to_mask, simplify_ring

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))
quick = settings(max_examples=150, deadline=None)


def all_rings(polygons):
    return [ring for polygon in polygons for ring in polygon.rings]


def fill_slowly(rings, size_hw):
    """Even-odd rule at every pixel centre, one pixel and one edge at a time, in exact fractions.

    Also says which centres lie on an edge, where rounding may decide either way.
    """
    mask, on_edge = np.zeros(size_hw, dtype=bool), np.zeros(size_hw, dtype=bool)
    exact = [[(Fraction(x), Fraction(y)) for x, y in ring.tolist()] for ring in rings]
    for row, column in np.ndindex(size_hw):
        x, y = column + Fraction(1, 2), row + Fraction(1, 2)
        for ring in exact:
            for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
                if (y0 > y) != (y1 > y):
                    crossing = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
                    mask[row, column] ^= crossing <= x
                    on_edge[row, column] |= crossing == x
    return mask, on_edge


@quick
@given(masks)
def test_outlines_filled_again_are_the_same_pixels(mask):
    polygons = mask_to_polygons(mask)
    assert np.array_equal(rings_to_mask(all_rings(polygons), mask.shape), mask)


@quick
@given(masks)
def test_each_polygon_is_one_edge_connected_region(mask):
    regions, count = label(mask)
    polygons = mask_to_polygons(mask)
    assert len(polygons) == count
    for number, polygon in enumerate(polygons, start=1):
        assert np.array_equal(rings_to_mask(polygon.rings, mask.shape), regions == number)


@quick
@given(masks)
def test_outline_length_is_the_number_of_edges_between_set_and_unset(mask):
    padded = np.pad(mask, 1).astype(int)
    edges = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    steps = [
        np.abs(ring - np.roll(ring, -1, axis=0)).sum() for ring in all_rings(mask_to_polygons(mask))
    ]
    assert sum(steps) == edges


@quick
@given(masks)
def test_every_corner_turns(mask):
    for ring in all_rings(mask_to_polygons(mask)):
        into, out = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
        assert ((into != 0).sum(axis=1) == 1).all()
        assert ((into * out).sum(axis=1) == 0).all()


@quick
@given(masks)
def test_one_joined_ring_fills_the_same_pixels(mask):
    rings = all_rings(mask_to_polygons(mask))
    if rings:
        assert np.array_equal(rings_to_mask([join_rings(rings)], mask.shape), mask)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        arrays(
            np.float64,
            st.tuples(st.integers(3, 6), st.just(2)),
            elements=st.floats(-3, 11, width=16),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_fill_equals_the_slow_fill_for_any_polygon(rings):
    mask, on_edge = fill_slowly(rings, (8, 7))
    assert np.array_equal(rings_to_mask(rings, (8, 7))[~on_edge], mask[~on_edge])


def test_ring_with_a_hole_has_an_island_of_its_own():
    mask = np.ones((7, 7), dtype=bool)
    mask[1:6, 1:6] = False
    mask[3, 3] = True
    frame, island = mask_to_polygons(mask)
    assert len(frame.holes) == 1
    assert island.outer.tolist() == [[3, 3], [4, 3], [4, 4], [3, 4]]


@pytest.mark.parametrize("tolerance", [0.5, 1.5, 3.0])
def test_simplified_outline_stays_within_the_tolerance(tolerance):
    rows, columns = np.mgrid[:80, :100]
    ring = mask_to_polygons((rows - 40) ** 2 + ((columns - 50) / 1.2) ** 2 < 30**2)[0].outer
    short = simplify_ring(ring, tolerance)
    closed = np.concatenate([short, short[:1]])
    assert 3 <= len(short) < len(ring)
    for point in ring:
        assert min(distance(point, a, b) for a, b in itertools.pairwise(closed)) <= tolerance + 1e-9


def distance(point, start, end):
    along = end - start
    share = np.clip((point - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(point - start - share * along)


def test_sliver_keeps_three_corners():
    mask = np.zeros((3, 40), dtype=bool)
    mask[1, :] = True
    assert len(mask_to_polygons(mask, tolerance=5)[0].outer) >= 3


def test_empty_mask_has_no_polygon():
    assert mask_to_polygons(np.zeros((4, 5), dtype=bool)) == []
    assert not rings_to_mask([], (4, 5)).any()


def test_polygon_beyond_the_picture_is_cut_off():
    box = np.array([[-5.0, -5], [50, -5], [50, 50], [-5, 50]])
    assert rings_to_mask([box], (4, 6)).all()
    assert not rings_to_mask([box + 100], (4, 6)).any()
