"""Regular points and overlapping crops for automatic masks (Kirillov et al. 2023, appendix B)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, right and bottom exclusive
EDGE_TOLERANCE = 20  # pixels


@dataclass(frozen=True)
class Crop:
    """A part of the image that is asked on its own: its box and its level, 0 for the whole."""

    box_xyxy: Box
    level: int

    @property
    def area(self) -> int:
        """Pixels."""
        left, top, right, bottom = self.box_xyxy
        return (right - left) * (bottom - top)


def point_grid(per_side: int, width: float, height: float) -> NDArray[np.float32]:
    """Centers of a regular division, row by row.

    Returns:
        (per_side ** 2, 2) float32, x and y.

    Example:
        >>> point_grid(2, 4, 8).tolist()
        [[1.0, 2.0], [3.0, 2.0], [1.0, 6.0], [3.0, 6.0]]
    """
    centers = (np.arange(per_side) + 0.5) / per_side
    x, y = np.meshgrid(centers * width, centers * height)
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def cut_crops(image_hw: tuple[int, int], layers: int, overlap: float) -> list[Crop]:
    """The whole image, then 2 x 2, 4 x 4, ... overlapping crops.

    Args:
        image_hw: pixels.
        layers: how many divisions; 0 for the whole image alone.
        overlap: of neighboring crops of the first division, as a share of the shorter side.
    """
    height, width = image_hw
    crops = [Crop((0, 0, width, height), 0)]
    for level in range(1, layers + 1):
        parts = 2**level
        shared = int(overlap * min(image_hw) * 2 / parts)
        columns, rows = (_spans(length, parts, shared) for length in (width, height))
        crops += [
            Crop((left, top, right, bottom), level)
            for left, right in columns
            for top, bottom in rows
            if right > left and bottom > top
        ]
    return crops


def _spans(length: int, parts: int, shared: int) -> list[tuple[int, int]]:
    size = math.ceil((shared * (parts - 1) + length) / parts)
    starts = ((size - shared) * number for number in range(parts))
    return [(start, min(start + size, length)) for start in starts]


def touches_cut(
    boxes: NDArray[np.float32], crop: Crop, image_hw: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which boxes (N, 4), in image pixels, end at a cut that is not the image's own border."""
    image_box = np.array([0, 0, image_hw[1], image_hw[0]])
    at_cut = np.abs(boxes - np.array(crop.box_xyxy)) <= EDGE_TOLERANCE
    at_border = np.abs(boxes - image_box) <= EDGE_TOLERANCE
    cut: NDArray[np.bool_] = (at_cut & ~at_border).any(axis=1)
    return cut
