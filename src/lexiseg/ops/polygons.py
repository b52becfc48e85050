"""Outlines of masks on the pixel grid, their simplification, and the way back to pixels.

Coordinates are (x, y) in pixels with (0, 0) at the upper left *corner* of the upper left pixel,
so an outline runs along pixel edges and its corners are whole numbers. A region is a set of
pixels joined by edges; pixels that only touch at a corner belong to different regions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as label_regions

from lexiseg.errors import UsageError

Ring = NDArray[np.float64]
Fill = Callable[[Sequence[Ring], tuple[int, int]], NDArray[np.bool_]]

_LEAST_OVERLAP = 0.9  # IoU of a simplified region with the exact one
_FINEST = 0.1  # pixels; with a finer tolerance no corner of the pixel grid is dropped
_FARTHEST = 1e9  # pixels; corners beyond move here, so that differences stay exact
_CROSSINGS = 2**21  # computed at a time


@dataclass(frozen=True)
class Polygon:
    """One region: an outer ring and the rings of its holes.

    Args:
        outer: (N, 2) float64 corners (x, y); the ring closes by itself.
        holes: rings of the same form.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outer ring first, then the holes."""
        return (self.outer, *self.holes)


def mask_to_polygons(
    mask: NDArray[np.bool_], tolerance: float = 0.0, fill: Fill | None = None
) -> list[Polygon]:
    """Trace every region of a mask.

    Where the outline that remains would fill less than nine tenths of the region (in IoU), as
    with small or thin ones, the tolerance is halved until it does, at last to 0.

    Args:
        mask: (H, W) bool.
        tolerance: how far, in pixels, a dropped corner may lie from the outline that remains;
            0 keeps every corner, so that `rings_to_mask` gives back the very same pixels.
        fill: how the polygons will be filled: from rings and (height, width) to (H, W) bool;
            `rings_to_mask` by default.

    Returns:
        One polygon per region, in reading order of their upper left pixels.

    Example:
        >>> square = np.zeros((4, 4), bool)
        >>> square[1:3, 1:3] = True
        >>> mask_to_polygons(square)[0].outer.tolist()
        [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]]
    """
    top, left, bottom, right = _extent(mask)
    if bottom <= top:
        return []
    crop = mask[top:bottom, left:right]
    rings = _trace_rings(crop)
    regions, count = label_regions(crop)
    outers: list[Ring | None] = [None] * count
    holes: list[list[Ring]] = [[] for _ in range(count)]
    for ring in rings:
        region = _region_of(ring, regions)
        moved = ring + np.array([left, top])
        if _signed_area(ring) > 0:
            outers[region - 1] = moved
        else:
            holes[region - 1].append(moved)
    pairs = zip(outers, holes, strict=True)
    exact = [Polygon(outer, tuple(inner)) for outer, inner in pairs if outer is not None]
    return [_simplify(polygon, tolerance, fill or rings_to_mask) for polygon in exact]


def _simplify(polygon: Polygon, tolerance: float, fill: Fill) -> Polygon:
    while tolerance > _FINEST:
        simple = Polygon(
            simplify_ring(polygon.outer, tolerance),
            tuple(simplify_ring(hole, tolerance) for hole in polygon.holes),
        )
        if _overlap(simple, polygon, fill) >= _LEAST_OVERLAP:
            return simple
        tolerance /= 2
    return polygon


def _overlap(simple: Polygon, exact: Polygon, fill: Fill) -> float:
    """IoU of what two polygons fill."""
    corner = exact.outer.min(axis=0)
    width, height = (exact.outer.max(axis=0) - corner).astype(int).tolist()
    region = rings_to_mask([ring - corner for ring in exact.rings], (height, width))
    filled = fill([ring - corner for ring in simple.rings], (height, width))
    return float((region & filled).sum() / (region | filled).sum())


def _extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return (0, 0, 0, 0)
    return (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _trace_rings(mask: NDArray[np.bool_]) -> list[Ring]:
    """All rings of a mask; the region lies to the right of the direction of travel.

    Along each grid line the corners, sorted, pair up into the straight edges of the outline.
    A grid point where two set pixels touch diagonally counts as two corners, one per pixel.
    """
    points, upright = _corners(mask)
    across = _partners(np.lexsort((points[:, 0], points[:, 1])))
    # Where two pixels touch diagonally, the corner that meets the edge above comes first.
    down = _partners(np.lexsort((upright, points[:, 1], points[:, 0])))
    rings = _walk(_top_edges(points, mask, across), across, down)
    return [points[ring].astype(np.float64) for ring in rings]


def _corners(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Grid points (x, y) where the outline turns, and 1 for those whose vertical edge is below."""
    padded = np.pad(mask, 1)
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    turns = upper_left ^ upper_right ^ lower_left ^ lower_right
    touches = ~turns & (upper_left == lower_right) & (upper_left != upper_right)
    rows, columns = np.nonzero(turns | touches)
    twice = touches[rows, columns]
    index = np.repeat(np.arange(len(rows)), np.where(twice, 2, 1))
    points = np.stack([columns[index], rows[index]], axis=1).astype(np.int64)
    second = np.zeros(len(index), dtype=bool)
    second[1:] = index[1:] == index[:-1]
    # First of the two joins the edge to the left: with the upper edge if the upper left is set.
    below = second == upper_left[rows[index], columns[index]]
    return points, np.where(twice[index], below, 0).astype(np.int64)


def _partners(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The other end of each corner's edge, given the corners sorted along the grid lines."""
    partner = np.empty_like(order)
    partner[order[0::2]] = order[1::2]
    partner[order[1::2]] = order[0::2]
    return partner


def _top_edges(
    points: NDArray[np.int64], mask: NDArray[np.bool_], across: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Left ends of the horizontal edges that have the region below them, in reading order."""
    columns, rows = points[:, 0], points[:, 1]
    below = np.pad(mask, ((0, 1), (0, 1)))[rows, columns]
    return np.flatnonzero((points[across, 0] > columns) & below)


def _walk(
    starts: NDArray[np.int64], across: NDArray[np.int64], down: NDArray[np.int64]
) -> list[list[int]]:
    """Follow the edges, horizontal and vertical in turn, once around every ring."""
    horizontal, vertical = across.tolist(), down.tolist()
    seen = bytearray(len(horizontal))
    rings = []
    for start in starts.tolist():
        if seen[start]:
            continue
        ring, corner = [], start
        while not seen[corner]:
            end = horizontal[corner]
            seen[corner] = seen[end] = 1
            ring += [corner, end]
            corner = vertical[end]
        rings.append(ring)
    return rings


def _region_of(ring: Ring, regions: NDArray[np.int32]) -> int:
    """Number of the region a ring belongs to; a ring starts along the top of one of its pixels."""
    column, row = ring[0].astype(int)
    return int(regions[row, column])


def _signed_area(ring: Ring) -> float:
    """Positive for a ring that runs clockwise on the screen."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def simplify_ring(ring: Ring, tolerance: float) -> Ring:
    """Drop corners that lie close to the line between their kept neighbours (Douglas-Peucker).

    Args:
        ring: (N, 2) corners.
        tolerance: largest distance in pixels of a dropped corner; 0 changes nothing.

    Returns:
        (M, 2) corners, 3 <= M <= N.
    """
    if tolerance <= 0 or len(ring) <= 3:
        return ring
    far = int(np.linalg.norm(ring - ring[0], axis=1).argmax())
    closed = np.concatenate([ring, ring[:1]])
    keep = np.zeros(len(closed), dtype=bool)
    keep[[0, far, -1]] = True
    spans = [(0, far), (far, len(ring))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        distance = _distance_to_segment(closed[first + 1 : last], closed[first], closed[last])
        worst = int(distance.argmax())
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return ring[keep[:-1]] if keep[:-1].sum() >= 3 else _widest_triangle(ring, far)


def _distance_to_segment(points: Ring, start: Ring, end: Ring) -> NDArray[np.float64]:
    along = end - start
    length = float(along @ along)
    share = np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(len(points))
    offset = points - (start + share[:, None] * along)
    return np.hypot(offset[:, 0], offset[:, 1])


def _widest_triangle(ring: Ring, far: int) -> Ring:
    """What is left of a sliver: its longest diagonal and the corner farthest from that."""
    third = int(_distance_to_segment(ring, ring[0], ring[far]).argmax())
    return ring[sorted({0, far, third})]


def join_rings(rings: Sequence[Ring]) -> Ring:
    """One ring for many, for formats that hold one polygon per object.

    Rings are chained by bridges that are walked once in each direction, so that the even-odd
    rule fills the same pixels: holes stay holes and separate parts stay separate.

    Args:
        rings: at least one ring of (N, 2) corners.
    """
    path = rings[0]
    for ring in rings[1:]:
        near = _nearest_corner(path, ring[0])
        there_and_back = np.concatenate([path[near : near + 1], ring, ring[:1]])
        path = np.concatenate([path[:near], there_and_back, path[near:]])
    return path


def _nearest_corner(path: Ring, point: Ring) -> int:
    offset = path - point
    return int((offset * offset).sum(axis=1).argmin())


def rings_to_mask(rings: Sequence[Ring], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill rings by the even-odd rule: a pixel is set if its centre is inside.

    Args:
        rings: (N, 2) corners (x, y) in pixels; parts outside the picture are cut off.
        size_hw: (height, width).

    Returns:
        (H, W) bool.

    Raises:
        UsageError: a corner is no finite number.
    """
    mask = np.zeros(size_hw, dtype=bool)
    rings = [np.clip(ring, -_FARTHEST, _FARTHEST) for ring in rings if len(ring) >= 3]
    if not rings:
        return mask
    if not all(np.isfinite(ring).all() for ring in rings):
        raise UsageError("A polygon has a corner that is no finite number.")
    begin = np.concatenate(rings)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    limit = np.array(size_hw[::-1])
    left, top = np.clip(np.floor(begin.min(axis=0)), 0, limit).astype(int)
    right, bottom = np.clip(np.ceil(begin.max(axis=0)), 0, limit).astype(int)
    window = (bottom - top, right - left)
    mask[top:bottom, left:right] = _fill(begin - (left, top), end - (left, top), window)
    return mask


def pixels_well_inside(rings: Sequence[Ring], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The same without pixels whose centre lies on an outline.

    What readers of a file will fill that holds shares of width and height: rounding may put
    such a centre on either side.
    """
    rounding = np.array([0.001, 0.0])
    left, right = (
        rings_to_mask([ring + way * rounding for ring in rings], size_hw) for way in (-1, 1)
    )
    return left & right


def _fill(begin: Ring, end: Ring, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = size_hw
    flips = np.zeros((height, width + 1), dtype=bool)
    edges = max(1, _CROSSINGS // max(height, 1))
    for first in range(0, len(begin), edges):
        part = slice(first, first + edges)
        places, times = _crossings(begin[part], end[part], size_hw)
        flips.reshape(-1)[places] ^= times % 2 == 1
    return np.logical_xor.accumulate(flips, axis=1)[:, :width]


def _crossings(
    begin: Ring, end: Ring, size_hw: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where edges cross lines of pixel centres, and how often.

    A place is row * (width + 1) + the first column right of the crossing.
    """
    height, width = size_hw
    # Each edge is taken from its upper to its lower end, so that a bridge cancels itself.
    flip = (begin[:, 1] > end[:, 1])[:, None]
    upper, lower = np.where(flip, end, begin), np.where(flip, begin, end)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    stop = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64)
    lengths = stop - first
    edge = np.repeat(np.arange(len(lengths)), lengths)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    slope = (lower[:, 0] - upper[:, 0]) / np.maximum(lower[:, 1] - upper[:, 1], 1e-12)
    x = upper[edge, 0] + (rows + 0.5 - upper[edge, 1]) * slope[edge]
    columns = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    places, times = np.unique(rows * (width + 1) + columns, return_counts=True)
    return places, times
