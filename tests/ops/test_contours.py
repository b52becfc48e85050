from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from lexiseg.ops.contours import component_boxes, contour_pixels, fill_holes

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9))


def _flood(mask, start, value, neighbours):
    region, queue = {start}, [start]
    while queue:
        y, x = queue.pop()
        for dy, dx in neighbours:
            point = (y + dy, x + dx)
            if (
                0 <= point[0] < mask.shape[0]
                and 0 <= point[1] < mask.shape[1]
                and point not in region
                and mask[point] == value
            ):
                region.add(point)
                queue.append(point)
    return region


def _regions(mask, value, neighbours):
    left = set(zip(*np.nonzero(mask == value), strict=True))
    while left:
        region = _flood(mask, next(iter(left)), value, neighbours)
        left -= region
        yield region


FOUR = [(-1, 0), (1, 0), (0, -1), (0, 1)]
EIGHT = [*FOUR, (-1, -1), (-1, 1), (1, -1), (1, 1)]


def _slow_contours(mask):
    """Return the pixel set of each contour, by flood fills on a padded copy."""
    padded = np.pad(mask, 1)
    background = list(_regions(padded, False, FOUR))
    contours = []
    for component in _regions(padded, True, EIGHT):
        around = {
            (y + dy, x + dx) for y, x in component for dy, dx in FOUR if not padded[y + dy, x + dx]
        }
        for region in background:
            if region & around:
                rim = {p for p in component if any((p[0] + a, p[1] + b) in region for a, b in FOUR)}
                contours.append({(y - 1, x - 1) for y, x in rim})
    return contours


def _slow_boxes(mask):
    boxes = []
    for contour in _slow_contours(mask):
        ys, xs = zip(*contour, strict=True)
        boxes.append([min(xs), min(ys), max(xs) + 1, max(ys) + 1])
    return sorted(boxes)


@settings(deadline=None, max_examples=80)
@given(masks)
def test_contours_equal_flood_fill_twin(mask):
    assert component_boxes(mask).tolist() == _slow_boxes(mask)
    painted = set(zip(*np.nonzero(contour_pixels(mask)), strict=True))
    assert painted == set().union(*_slow_contours(mask))


@settings(deadline=None, max_examples=80)
@given(masks)
def test_fill_holes_equals_scipy(mask):
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_contours_equal_opencv(height, width, density, seed):
    import cv2

    mask = np.random.default_rng(seed).random((height, width)) < density
    for method in (cv2.CHAIN_APPROX_SIMPLE, cv2.CHAIN_APPROX_NONE):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_TREE, method)
        boxes = sorted((x, y, x + w, y + h) for x, y, w, h in map(cv2.boundingRect, contours))
        assert [tuple(box) for box in component_boxes(mask).tolist()] == boxes
        painted = cv2.drawContours(np.zeros(mask.shape, np.uint8), contours, -1, 1, 1)
        np.testing.assert_array_equal(contour_pixels(mask), painted.astype(bool))


def test_component_boxes_counts_holes_and_islands():
    mask = np.zeros((9, 12), np.uint8)
    mask[1:8, 1:8] = 255
    mask[2:7, 2:7] = 0
    mask[4, 4] = 255
    mask[0, 11] = 255
    expected = [[1, 1, 8, 8], [1, 1, 8, 8], [4, 4, 5, 5], [11, 0, 12, 1]]
    assert component_boxes(mask).tolist() == expected


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
@pytest.mark.parametrize("value", [False, True])
def test_contours_of_thin_masks(shape, value):
    mask = np.full(shape, value)
    boxes = component_boxes(mask)
    assert boxes.shape == (int(value), 4)
    np.testing.assert_array_equal(contour_pixels(mask), mask)
    np.testing.assert_array_equal(fill_holes(mask), mask)


def test_nothing_has_no_boxes_of_whole_numbers():
    boxes = component_boxes(np.zeros((3, 4), bool))
    assert boxes.shape == (0, 4) and boxes.dtype == np.int64
