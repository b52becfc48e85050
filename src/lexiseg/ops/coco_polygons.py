"""Polygons to masks with the pixel rule of the COCO tools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError

_SCALE = 5  # the COCO tools trace outlines on a grid five times finer than the pixels


def polygons_to_mask(
    polygons: Sequence[Sequence[float]], size_hw: tuple[int, int]
) -> NDArray[np.bool_]:
    """Fill polygons and unite them.

    Args:
        polygons: each a flat list x0, y0, x1, y1, ... in pixels, pixel centres at .5.
        size_hw: (height, width) of the image.

    Returns:
        (H, W) bool, equal to what ``pycocotools.mask`` gives for the same polygons.

    Raises:
        UsageError: a polygon has an odd number of values or fewer than three corners.

    Example:
        >>> polygons_to_mask([[1, 1, 3, 1, 3, 3, 1, 3]], (4, 4)).astype(int).tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    mask = np.zeros(size_hw, dtype=bool)
    for polygon in polygons:
        mask |= _fill(np.asarray(polygon, dtype=np.float64), size_hw)
    return mask


def _fill(flat: NDArray[np.float64], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    if flat.ndim != 1 or flat.size % 2 or flat.size < 6:
        raise UsageError(
            f"A polygon needs at least three corners as x, y pairs; got {flat.size} values."
        )
    height, width = size_hw
    corners = np.trunc(_SCALE * flat.reshape(-1, 2) + 0.5).astype(np.int64)
    u, v = _trace(corners)
    # Down each column, and on into the next, every crossing flips inside and outside.
    stops = np.sort(_crossings(u, v, height, width))
    runs = np.diff(stops, prepend=0, append=height * width)
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(height, width, order="F")


def _trace(corners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fine-grid points along the closed outline, both ends of every edge included."""
    edges = [
        _trace_edge(start, stop)
        for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    points = np.concatenate(edges)
    return points[:, 0], points[:, 1]


def _trace_edge(start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Step along the longer axis; always computed from the smaller end so that it is unique."""
    extent = np.abs(stop - start)
    main = 0 if extent[0] >= extent[1] else 1
    other = 1 - main
    backwards = start[main] > stop[main]
    low, high = (stop, start) if backwards else (start, stop)
    steps = np.arange(extent[main] + 1)
    slope = (high[other] - low[other]) / max(int(extent[main]), 1)
    points = np.empty((len(steps), 2), dtype=np.int64)
    points[:, main] = low[main] + steps
    points[:, other] = np.trunc(low[other] + slope * steps + 0.5)
    return points[::-1] if backwards else points


def _crossings(
    u: NDArray[np.int64], v: NDArray[np.int64], height: int, width: int
) -> NDArray[np.int64]:
    """Where the outline passes the middle of a pixel column: the first pixel below, by column."""
    moved = u[1:] != u[:-1]
    left = np.where(u[1:] < u[:-1], u[1:], u[1:] - 1)[moved]
    top = np.minimum(v[1:], v[:-1])[moved]
    column = (left + 0.5) / _SCALE - 0.5
    row = np.ceil(np.clip((top + 0.5) / _SCALE - 0.5, 0, height))
    inside = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    pixels: NDArray[np.int64] = (column[inside] * height + row[inside]).astype(np.int64)
    return pixels
