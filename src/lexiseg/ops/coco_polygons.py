"""Polygons to masks with the pixel rule of the COCO tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError

_SCALE = 5  # the COCO tools trace outlines on a grid five times finer than the pixels
_REACH = 256  # pixels beyond the picture, and once its side, that outlines are traced exactly
_FARTHEST = 1e9  # pixels; what lies beyond moves here, so that differences stay exact
_PIECE = 2**20  # points traced at a time


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
        UsageError: a polygon has an odd number of values, fewer than three corners, or a corner
            that is no finite number.

    Example:
        >>> polygons_to_mask([[1, 1, 3, 1, 3, 3, 1, 3]], (4, 4)).astype(int).tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    mask = np.zeros(size_hw, dtype=bool)
    for polygon in polygons:
        mask |= _fill(np.asarray(polygon, dtype=np.float64), size_hw)
    return mask


def flat_rings(polygons: object) -> list[list[float]]:
    """Flat rings from all the ways in which files write polygons.

    Args:
        polygons: nested rings, as published; one flat ring; or corners as pairs, nested or not.

    Returns:
        Rings of three corners and more; others beside them enclose nothing and go.

    Raises:
        UsageError: a ring is no list of numbers, or has half a corner.

    Example:
        >>> flat_rings([[1, 1], [3, 1], [3, 3]]) == flat_rings([1, 1, 3, 1, 3, 3])
        True
    """
    if not isinstance(polygons, list):
        raise UsageError(f"A polygon is a {type(polygons).__name__}; expected a list of numbers.")
    nested = polygons if any(isinstance(ring, list) for ring in polygons) else [polygons]
    try:
        rings = [np.asarray(ring, dtype=np.float64).ravel() for ring in nested]
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError("A polygon holds something that is no number.") from error
    if len(rings) >= 3 and all(ring.size == 2 for ring in rings):
        rings = [np.concatenate(rings)]
    if any(ring.size % 2 for ring in rings):
        raise UsageError("A polygon has half a corner: an odd number of values.")
    return [ring.tolist() for ring in rings if ring.size >= 6]


def _fill(flat: NDArray[np.float64], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    if flat.ndim != 1 or flat.size % 2 or flat.size < 6:
        raise UsageError(
            f"A polygon needs at least three corners as x, y pairs; got {flat.size} values."
        )
    if not np.isfinite(flat).all():
        raise UsageError("A polygon has a corner that is no finite number.")
    height, width = size_hw
    near = _within_reach(flat.reshape(-1, 2), size_hw)
    corners = np.trunc(_SCALE * near + 0.5).astype(np.int64)
    # Down each column, and on into the next, every crossing flips inside and outside.
    flips = np.zeros(height * width + 1, dtype=bool)
    for u, v in _trace(corners):
        pixels, times = np.unique(_crossings(u, v, height, width), return_counts=True)
        flips[pixels] ^= times % 2 == 1
    inside = np.logical_xor.accumulate(flips[:-1])
    return inside.reshape(height, width, order="F")


def _within_reach(corners: NDArray[np.float64], size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """The same outline inside the picture, whose far parts run along a frame around it.

    Tracing an edge takes time and memory in proportion to its length, and files may state any
    number. Edges are cut where they leave the frame, which is wide enough to leave the polygons
    of real annotations as they are, and what lies beyond moves onto it.
    """
    side = max(size_hw) + _REACH
    low, high = -float(side), np.array(size_hw[::-1], dtype=np.float64) + side
    if (corners >= low).all() and (corners <= high).all():
        return corners
    start = np.clip(corners, -_FARTHEST, _FARTHEST)[:, None]
    along = np.roll(start, -1, axis=0) - start
    lines = np.stack([np.full(2, low), high])
    with np.errstate(divide="ignore", invalid="ignore"):
        cuts = ((lines - start) / along).reshape(len(corners), 4)
    cuts = np.sort(np.where((cuts > 0) & (cuts < 1), cuts, 0.0), axis=1)
    points = np.concatenate([start, start + cuts[..., None] * along], axis=1)
    near: NDArray[np.float64] = np.clip(points.reshape(-1, 2), low, high)
    return near


def _trace(
    corners: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Fine-grid points along the closed outline, both ends of every edge included, in pieces.

    Each piece begins with the last point of the one before.
    """
    piece: list[NDArray[np.int64]] = []
    count = 0
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        piece.append(_trace_edge(start, stop))
        count += len(piece[-1])
        if count > _PIECE:
            points = np.concatenate(piece)
            yield points[:, 0], points[:, 1]
            piece, count = [points[-1:]], 1
    points = np.concatenate(piece)
    yield points[:, 0], points[:, 1]


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
