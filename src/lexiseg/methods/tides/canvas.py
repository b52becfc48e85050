"""Where cells lie in the image and in the segmenter's frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from lexiseg.ops.windows import CellGrid, cover
from lexiseg.types import Frame


@dataclass(frozen=True)
class Canvas:
    """The resized image and the image itself.

    Attributes:
        image_hw: height and width of the image in pixels.
        cells: the resized image, cut into cells.
    """

    image_hw: tuple[int, int]
    cells: CellGrid

    def image_points(self, flat: Tensor) -> Tensor:
        """Centers of cells (P,) as points (P, 2) in image pixels, x and y."""
        scale = [i / c for i, c in zip(self.image_hw, self.cells.canvas_hw, strict=True)]
        return self.cells.centers(flat) * torch.tensor(scale[::-1], device=flat.device)

    def cells_of(self, points: Tensor) -> Tensor:
        """Flat cells (P,) int64 that points (P, 2) of the image lie in, x and y in pixels."""
        scale = [c / i for i, c in zip(self.image_hw, self.cells.canvas_hw, strict=True)]
        placed = points * torch.tensor(scale[::-1], device=points.device) / float(self.cells.side)
        rows, columns = self.cells.shape
        column, row = placed.long().unbind(dim=1)
        return row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1)

    def pool(self, masks: Tensor) -> Tensor:
        """Share of every cell, (..., rows, columns) float32, that masks (..., H, W) cover."""
        rows, columns = (
            cover((0,), length, pixels, length, self.cells.side).to(masks.device, torch.float32)
            for length, pixels in zip(self.cells.canvas_hw, masks.shape[-2:], strict=True)
        )
        return rows @ masks.float() @ columns.T

    def cells_in(self, frame: Frame) -> tuple[Fraction, Fraction]:
        """Height and width of a cell in pixels of a segmenter's frame."""
        high, wide = (
            self.cells.side * Fraction(content, length)
            for content, length in zip(frame.content_hw, self.cells.canvas_hw, strict=True)
        )
        return high, wide
