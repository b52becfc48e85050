"""Scores at every pixel from windows of one size (the segmentors of SCLIP and its followers).

A window's scores are enlarged to the window, averaged with its neighbors' and resized to the
image, all bilinearly. Every step is linear and works on one axis at a time, so one matrix per axis
does them all, and the image can be made strip by strip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from lexiseg.ops.windows import CellGrid, bilinear_matrix, cover_axes, lay_out
from lexiseg.scorers.dense_maps import DenseMaps

STRIP_ELEMENTS = 2**23  # scores that exist at the same time, 32 MB in float32


@dataclass(frozen=True)
class PixelScores:
    """Scores of every pixel, made on demand.

    Attributes:
        rows: (H, r), how the token rows of all windows make up a pixel row.
        halfway: (C, r, W), the scores after the horizontal half of the work.
    """

    rows: Tensor
    halfway: Tensor

    def strips(self) -> Iterator[tuple[slice, Tensor]]:
        """Consecutive pixel rows and their scores (C, rows, W)."""
        classes, _, width = self.halfway.shape
        height = max(1, STRIP_ELEMENTS // max(1, classes * width))
        for start in range(0, len(self.rows), height):
            part = slice(start, min(start + height, len(self.rows)))
            yield part, self.rows[part] @ self.halfway


def pixel_scores(maps: DenseMaps, texts: Tensor, size_hw: tuple[int, int]) -> PixelScores:
    """Score unit text features (C, E) at every pixel of an image.

    Args:
        maps: an image encoded through windows of one size.
        texts: (C, E).
        size_hw: of the image; its canvas may have another size.
    """
    (scores,), (grid,) = maps.token_scores(texts), maps.grids
    pixels = CellGrid(maps.cells.canvas_hw, Fraction(1))
    tokens_hw = (scores.shape[1], scores.shape[2])
    axes = []
    for share, size in zip(cover_axes(grid, tokens_hw, pixels, "bilinear"), size_hw, strict=True):
        mean = share / share.sum(dim=1, keepdim=True)
        axes.append((bilinear_matrix(size, len(mean)) @ mean).to(scores))
    return PixelScores(axes[0], lay_out(scores, grid) @ axes[1].T)
