"""The image as TIDES works on it: resized, cut into cells, covered by windows (step A)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.methods.tides.config import TidesConfig
from lexiseg.ops.windows import CellGrid, WindowGrid, cell_side
from lexiseg.types import DenseScorer, Frame


@dataclass(frozen=True)
class Canvas:
    """Geometry of one image.

    Attributes:
        image_hw: height and width of the image in pixels.
        cells: the resized image, cut into cells.
        grids: windows over it, per window size.
    """

    image_hw: tuple[int, int]
    cells: CellGrid
    grids: tuple[WindowGrid, ...]

    @classmethod
    def plan(cls, image_hw: tuple[int, int], scorer: DenseScorer, config: TidesConfig) -> Canvas:
        """Choose size, cells and windows for an image."""
        side = _cell(scorer, config)
        height, width = _canvas_size(image_hw, side, config)
        reach = [(max(height, s), max(width, s)) for s in config.windows]
        covered = reach if config.narrow == "padded" else [(height, width)] * len(reach)
        grids = tuple(
            WindowGrid.over(hw, size, max(int(size * config.stride), 1))
            for hw, size in zip(covered, config.windows, strict=True)
        )
        return cls(image_hw, CellGrid((height, width), side), grids)

    def image_points(self, flat: Tensor) -> Tensor:
        """Centers of cells (P,) as points (P, 2) in image pixels, x and y."""
        scale = [i / c for i, c in zip(self.image_hw, self.cells.canvas_hw, strict=True)]
        return self.cells.centers(flat) * torch.tensor(scale[::-1], device=flat.device)

    def pixels(self, image: NDArray[np.uint8]) -> Tensor:
        """The canvas (1, 3, H, W) float32 in [0, 1] of an image, bicubic."""
        height, width = self.cells.canvas_hw
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float() / 255

    def cells_in(self, frame: Frame) -> tuple[Fraction, Fraction]:
        """Height and width of a cell in pixels of a segmenter's frame."""
        high, wide = (
            self.cells.side * Fraction(content, length)
            for content, length in zip(frame.content_hw, self.cells.canvas_hw, strict=True)
        )
        return high, wide


def _cell(scorer: DenseScorer, config: TidesConfig) -> Fraction:
    if config.cell is not None:
        return Fraction(config.cell).limit_denominator(64)
    if config.window_input == "own":
        return Fraction(scorer.patch_size)
    return cell_side(config.windows, scorer.input_size // scorer.patch_size)


def _canvas_size(image_hw: tuple[int, int], side: Fraction, config: TidesConfig) -> tuple[int, int]:
    scale = config.long_side / max(image_hw)
    height, width = (max(round(length * scale), 1) for length in image_hw)
    if config.short_side == "exact":
        return height, width
    longer = max(height, width)
    rounded = max(int(max(round(min(height, width) / side), 1) * side), 1)
    return (rounded, longer) if height < width else (longer, rounded)


def window_batches(
    pixels: Tensor, grid: WindowGrid, input_hw: tuple[int, int], at_once: int
) -> Iterator[Tensor]:
    """Windows (B, 3, h, w) in [0, 1], resized to `input_hw`, a bounded number at a time.

    Args:
        pixels: (1, 3, H, W) the canvas; windows that reach beyond it repeat its border.
        grid: windows of one size.
        input_hw: what the scorer is given.
        at_once: windows per batch.
    """
    height, width = pixels.shape[-2:]
    right = max(0, grid.size_hw[1] + grid.lefts[-1] - width)
    bottom = max(0, grid.size_hw[0] + grid.tops[-1] - height)
    padded = F.pad(pixels, (0, right, 0, bottom), mode="replicate")
    boxes = grid.boxes
    for start in range(0, len(boxes), at_once):
        part = boxes[start : start + at_once]
        crops = torch.cat([padded[..., top:low, left:end] for left, top, end, low in part])
        if grid.size_hw == input_hw:
            yield crops
        else:
            resized = F.interpolate(crops, input_hw, mode="bicubic", antialias=True)
            yield resized.clamp_(0, 1)


def input_size(grid: WindowGrid, scorer: DenseScorer, config: TidesConfig) -> tuple[int, int]:
    """What a window is resized to, height and width in pixels."""
    if config.window_input == "native":
        return scorer.input_size, scorer.input_size
    patch = scorer.patch_size
    height, width = (max(side // patch, 1) * patch for side in grid.size_hw)
    return height, width
