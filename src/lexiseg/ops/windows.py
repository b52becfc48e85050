"""Overlapping windows over an image, and the exact fusion of what was scored in them.

The windows of one size form a grid, starts on one axis times starts on the other. Averaging their
token scores over pixels and pooling the pixels into cells is therefore linear in either axis: two
matrix products per window size, never an array of pixels. With square cells whose side divides all
tokens the result equals the average per pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Expansion: TypeAlias = Literal["constant", "bilinear"]
Blend: TypeAlias = Literal["windows", "scales"]


def window_starts(length: int, size: int, stride: int) -> tuple[int, ...]:
    """Where windows start on an axis: every `stride` pixels, the last one flush with the end.

    Example:
        >>> window_starts(384, 112, 56), window_starts(50, 112, 56)
        ((0, 56, 112, 168, 224, 272), (0,))
    """
    size = min(size, length)
    count = -(-(length - size) // stride) + 1
    return tuple(min(index * stride, length - size) for index in range(count))


@dataclass(frozen=True)
class WindowGrid:
    """All windows of one size.

    Attributes:
        size_hw: height and width of a window in pixels; less than asked on a shorter image.
        tops: first row of each row of windows.
        lefts: first column of each column of windows.
    """

    size_hw: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @classmethod
    def over(cls, canvas_hw: tuple[int, int], size: int, stride: int) -> WindowGrid:
        """Cover a canvas with windows of `size` pixels."""
        height, width = canvas_hw
        return cls(
            (min(size, height), min(size, width)),
            window_starts(height, size, stride),
            window_starts(width, size, stride),
        )

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Boxes xyxy in pixels, row by row."""
        height, width = self.size_hw
        return [(x, y, x + width, y + height) for y in self.tops for x in self.lefts]


def cell_side(sizes: Sequence[int], tokens: int) -> Fraction:
    """Side of the cells into which tokens of all window sizes divide, in pixels.

    Args:
        sizes: of the windows in pixels.
        tokens: per side of a window.

    Returns:
        The greatest common divisor of the token sides, or half the smallest one if that divisor
        would make cells of less than a quarter token.

    Example:
        >>> cell_side((112, 168, 224), 14), cell_side((112, 168, 224), 16)
        (Fraction(4, 1), Fraction(7, 2))
    """
    smallest = Fraction(min(sizes), tokens)
    side = Fraction(math.gcd(*sizes), tokens)
    return side if 4 * side >= smallest else smallest / 2


@dataclass(frozen=True)
class CellGrid:
    """A canvas cut into square cells; the last row and column may be cut short.

    Attributes:
        canvas_hw: height and width in pixels.
        side: of a cell in pixels.
    """

    canvas_hw: tuple[int, int]
    side: Fraction

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        height, width = (math.ceil(length / self.side) for length in self.canvas_hw)
        return height, width

    def centers(self, cells: Tensor) -> Tensor:
        """Points (N, 2) float32, x and y in canvas pixels, of flat cell indices (N,) int64."""
        columns = self.shape[1]
        y, x = (
            self._middle(index, length)
            for index, length in zip(
                (cells // columns, cells % columns), self.canvas_hw, strict=True
            )
        )
        return torch.stack([x, y], dim=1)

    def _middle(self, index: Tensor, length: int) -> Tensor:
        side = float(self.side)
        return (index * side + ((index + 1) * side).clamp_max(length)) / 2


def cover(
    starts: Sequence[int],
    size: int,
    tokens: int,
    length: int,
    side: Fraction = Fraction(1),
    expansion: Expansion = "constant",
) -> Tensor:
    """How the tokens of all windows along an axis make up its cells.

    Args:
        starts: of the windows in pixels.
        size: of a window in pixels.
        tokens: per window.
        length: of the axis in pixels.
        side: of a cell in pixels.
        expansion: what a token is between its center and the next: itself ("constant"), or their
            linear mixture at every pixel ("bilinear").

    Returns:
        (cells, len(starts) * tokens) float64. A row sums to how many windows cover the cell.
    """
    parts = tokens if expansion == "constant" else size
    cells = torch.arange(math.ceil(length / side), dtype=torch.float64)[:, None] * float(side)
    edges = torch.arange(parts + 1, dtype=torch.float64) * size / parts
    ends = (cells + float(side)).clamp_max(length)
    shares = []
    for start in starts:
        low = torch.maximum(cells, start + edges[:-1])
        high = torch.minimum(ends, start + edges[1:])
        shares.append((high - low).clamp_min(0) / (ends - cells))
    if expansion == "bilinear":
        between = bilinear_matrix(size, tokens)
        shares = [share @ between for share in shares]
    return torch.cat(shares, dim=1)


def bilinear_matrix(outputs: int, inputs: int) -> Tensor:
    """(outputs, inputs) float64 weights of linear resizing at pixel centers, no antialiasing."""
    unit = torch.eye(inputs, dtype=torch.float64)[None]
    return F.interpolate(unit, size=outputs, mode="linear", align_corners=False)[0].T


def cover_axes(
    grid: WindowGrid, tokens_hw: tuple[int, int], cells: CellGrid, expansion: Expansion = "constant"
) -> tuple[Tensor, Tensor]:
    """`cover` of the vertical and of the horizontal axis."""
    rows, columns = (
        cover(starts, size, tokens, length, cells.side, expansion)
        for starts, size, tokens, length in zip(
            (grid.tops, grid.lefts), grid.size_hw, tokens_hw, cells.canvas_hw, strict=True
        )
    )
    return rows, columns


def lay_out(scores: Tensor, grid: WindowGrid) -> Tensor:
    """Window scores (windows, h, w, C) as one matrix per class, (C, rows * h, columns * w)."""
    rows, columns = len(grid.tops), len(grid.lefts)
    _, height, width, classes = scores.shape
    placed = scores.reshape(rows, columns, height, width, classes).permute(4, 0, 2, 1, 3)
    return placed.reshape(classes, rows * height, columns * width)


def fuse_windows(
    scores: Sequence[Tensor],
    grids: Sequence[WindowGrid],
    cells: CellGrid,
    blend: Blend = "windows",
    expansion: Expansion = "constant",
) -> Tensor:
    """Average window scores in every cell.

    Args:
        scores: per window size (windows, h, w, C), windows row by row.
        grids: per window size.
        cells: where to.
        blend: mean over all windows that cover a cell, or first per size and then over sizes.
        expansion: see `cover`.

    Returns:
        (C, rows, columns) in the dtype of `scores`.
    """
    total = weight = torch.zeros((), dtype=scores[0].dtype, device=scores[0].device)
    for maps, grid in zip(scores, grids, strict=True):
        tokens_hw = (maps.shape[1], maps.shape[2])
        rows, columns = (axis.to(maps) for axis in cover_axes(grid, tokens_hw, cells, expansion))
        summed = rows @ (lay_out(maps, grid) @ columns.T)
        count = rows.sum(dim=1)[:, None] * columns.sum(dim=1)
        if blend == "scales":
            summed, count = summed / count, torch.ones_like(count)
        total, weight = total + summed, weight + count
    return total / weight
