"""One-pixel outlines on the pixel grid, the same pixels as OpenCV's drawing functions.

An ellipse is a polygon with vertices every few degrees, computed in fixed point with 16 fractional
bits and rounded to pixels, whose edges are 8-connected Bresenham lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Point = tuple[int, int]

_SHIFT = 16
_ONE = 1 << _SHIFT
# Sines by degree with seven decimals in single precision, as tabulated in OpenCV.
_SINES = np.sin(np.deg2rad(np.arange(451))).round(7).astype(np.float32).astype(np.float64)


def rectangle_outline(shape_hw: tuple[int, int], start_xy: Point, end_xy: Point) -> BoolArray:
    """Return the border pixels of an axis-parallel rectangle.

    Args:
        shape_hw: height and width of the image.
        start_xy: one corner, inclusive; may lie outside the image.
        end_xy: the opposite corner, inclusive.

    Returns:
        (H, W) bool.
    """
    pixels = np.zeros(shape_hw, np.bool_)
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(start_xy, end_xy, strict=True))
    columns = slice(max(left, 0), max(right + 1, 0))
    rows = slice(max(top, 0), max(bottom + 1, 0))
    for y in (top, bottom):
        if 0 <= y < shape_hw[0]:
            pixels[y, columns] = True
    for x in (left, right):
        if 0 <= x < shape_hw[1]:
            pixels[rows, x] = True
    return pixels


def ellipse_outline(shape_hw: tuple[int, int], center_xy: Point, axes_xy: Point) -> BoolArray:
    """Return the border pixels of an axis-parallel ellipse.

    Args:
        shape_hw: height and width of the image.
        center_xy: center; may lie outside the image.
        axes_xy: half axes in pixels, each at least 0.

    Returns:
        (H, W) bool.
    """
    pixels = np.zeros(shape_hw, np.bool_)
    vertices = _ellipse_vertices(center_xy, axes_xy)
    x, y = _trace_segments(*_clip_segments(vertices[:-1], vertices[1:], shape_hw))
    pixels[y, x] = True
    return pixels


def _ellipse_vertices(center_xy: Point, axes_xy: Point) -> IntArray:
    """Return the polygon of an ellipse, (N, 2) pixel coordinates."""
    largest = max(axes_xy)
    step = 90 if largest < 3 else 30 if largest < 10 else 18 if largest < 15 else 5
    degrees = np.arange(0, 361, step)
    center = np.array(center_xy, np.int64) * _ONE
    unit = np.stack([_SINES[450 - degrees], _SINES[degrees]], axis=1)
    vertices = np.rint(center + np.array(axes_xy) * _ONE * unit).astype(np.int64)
    return (vertices + (_ONE >> 1)) >> _SHIFT


def _clip_segments(
    starts: IntArray, ends: IntArray, shape_hw: tuple[int, int]
) -> tuple[IntArray, IntArray]:
    """Cut segments to the image and drop those outside."""
    limit = (shape_hw[1] - 1, shape_hw[0] - 1)
    inside = ((starts >= 0) & (starts <= limit) & (ends >= 0) & (ends <= limit)).all(axis=1)
    segments = np.stack([starts, ends], axis=1)
    crossing = [_clip_segment(segment, limit) for segment in segments[~inside].tolist()]
    kept = np.array([segment for segment in crossing if segment], np.int64).reshape(-1, 2, 2)
    segments = np.concatenate([segments[inside], kept])
    return segments[:, 0], segments[:, 1]


def _clip_segment(segment: list[list[int]], limit: Point) -> list[list[int]] | None:
    """Move the ends of a segment onto the image border, first vertically, then horizontally.

    Later cuts use the ends already moved, and offsets are cut off to integers, so that the order
    of the steps matters.
    """
    start, end = segment
    for axis in (1, 0):
        # Beyond one border altogether: a cut in this direction would leave nothing.
        for along in (0, 1):
            if max(start[along], end[along]) < 0 or min(start[along], end[along]) > limit[along]:
                return None
        for point in (start, end):
            border = min(max(point[axis], 0), limit[axis])
            if border != point[axis]:
                other = 1 - axis
                run, rise = end[other] - start[other], end[axis] - start[axis]
                point[other] += int(float(border - point[axis]) * run / rise)
                point[axis] = border
    return [start, end]


def _trace_segments(starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
    """Walk along each segment on its longer axis, from left to right; return all x and y."""
    backward = (ends < starts)[:, :1]
    starts, ends = np.where(backward, ends, starts), np.where(backward, starts, ends)
    spans = np.abs(ends - starts)
    steep = spans[:, 1] > spans[:, 0]
    run, rise = spans.max(axis=1), spans.min(axis=1)
    owner = np.repeat(np.arange(len(starts)), run + 1)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(run + 1) - run - 1, run + 1)
    # Bresenham: the minor coordinate is rounded to the nearest pixel, halves backward.
    major, minor = run[owner], rise[owner]
    drift = (2 * minor * step + major - 1) // np.maximum(2 * major, 1)
    offset = np.stack([step, drift], axis=1)
    offset = np.where(steep[owner, None], offset[:, ::-1], offset)
    x, y = (starts[owner] + offset * np.sign(ends - starts)[owner]).T
    return x, y
