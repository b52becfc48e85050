"""Score maps of a whole image from overlapping windows of several sizes (TIDES, step A).

Windows are encoded once per image. Maps for other texts cost a matrix product per window size and
the fusion on the grid of cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.ops.equal_shapes import grouped
from lexiseg.ops.windows import (
    Blend,
    CellGrid,
    Expansion,
    WindowGrid,
    cell_side,
    fuse_windows,
)
from lexiseg.types import DenseFeatures, DenseScorer

CLASS_CHUNK = 128  # classes fused together


@dataclass(frozen=True)
class WindowConfig:
    """How an image is seen through windows; defaults are those of TIDES.

    Attributes:
        sizes: of the square windows in canvas pixels.
        stride: share of a window by which the next one is shifted.
        input: "native" resizes every window to the network's own size, which alone explains the
            paper's three patch sizes; "own" feeds windows as they are.
        cell: side of a cell in canvas pixels; None takes the largest that divides all tokens.
        short_side: a canvas shorter than a window is stretched to the window's shape
            ("stretch"), or continued by its last row and column ("pad").
        expansion: what lies between token centers, see `lexiseg.ops.windows.cover`.
        blend: mean over all windows covering a cell, in which small ones prevail by number, or
            over sizes after a mean per size; the paper's wording allows both.
        batch: windows encoded together.
    """

    sizes: tuple[int, ...] = (112, 168, 224)
    stride: float = 0.5
    input: Literal["native", "own"] = "native"
    cell: float | None = None
    short_side: Literal["stretch", "pad"] = "stretch"
    expansion: Expansion = "constant"
    blend: Blend = "windows"
    batch: int = 32

    def __post_init__(self) -> None:
        """Check sizes.

        Raises:
            UsageError: no window, or one without extent.
        """
        if not self.sizes or min(self.sizes) < 1 or not 0 < self.stride <= 1 or self.batch < 1:
            raise UsageError(
                f"Windows of sizes {self.sizes}, stride {self.stride} and batch {self.batch} make "
                "no sense; give sizes and a batch of at least 1 and a stride in (0, 1]."
            )


WINDOWS = WindowConfig()


@dataclass(frozen=True)
class DenseMaps:
    """An image as a scorer sees it; ask it about any texts.

    Attributes:
        scorer: who encoded the windows and scores them.
        features: per window size, windows row by row.
        grids: the windows per size, in canvas pixels.
        cells: the grid that maps come on.
        config: how windows are blended.
    """

    scorer: DenseScorer
    features: tuple[DenseFeatures, ...]
    grids: tuple[WindowGrid, ...]
    cells: CellGrid
    config: WindowConfig

    @property
    def windows(self) -> list[tuple[int, int, int, int]]:
        """Boxes xyxy of all windows in canvas pixels, in the order of `image_scores`."""
        return [box for grid in self.grids for box in grid.boxes]

    @torch.no_grad()
    def token_scores(self, texts: Tensor) -> list[Tensor]:
        """Per window size (windows, h, w, C) scores of unit text features (C, E)."""
        return [self.scorer.score(features, texts) for features in self.features]

    @torch.no_grad()
    def maps(self, texts: Tensor) -> Tensor:
        """Fused score maps (C, rows, columns) float32 of unit text features (C, E)."""
        scores = self.token_scores(texts)
        fused = scores[0].new_empty(len(texts), *self.cells.shape)
        for start in range(0, len(texts), CLASS_CHUNK):
            part = slice(start, start + CLASS_CHUNK)
            chosen = [maps[..., part] for maps in scores]
            fused[part] = fuse_windows(
                chosen, self.grids, self.cells, self.config.blend, self.config.expansion
            )
        return fused

    def image_scores(self, texts: Tensor, *, unmodified: bool = True) -> Tensor:
        """Cosine of every window as a whole with every text.

        Args:
            texts: (C, E) unit text features.
            unmodified: with plain CLIP's image feature, else with the method's.

        Returns:
            (windows, C).
        """
        wholes = [part.clip_cls if unmodified else part.cls for part in self.features]
        return torch.cat(wholes) @ texts.T


@torch.no_grad()
def encode_windows(
    scorer: DenseScorer, canvas: NDArray[np.uint8], config: WindowConfig = WINDOWS
) -> DenseMaps:
    """Cut a canvas into windows and encode them.

    Args:
        scorer: any dense scorer.
        canvas: (H, W, 3) uint8 RGB, at the size that windows are meant for; see `fit_canvas`.
        config: windows and how they are blended.

    Example:
        >>> maps = encode_windows(scorer, fit_canvas(image, 512, 4))    # doctest: +SKIP
        >>> maps.maps(scorer.embed_texts(["dog", "background"])).shape  # doctest: +SKIP
        torch.Size([2, 96, 128])
    """
    (maps,) = encode_canvases(scorer, [canvas], config)
    return maps


@torch.no_grad()
def encode_canvases(
    scorer: DenseScorer, canvases: Sequence[NDArray[np.uint8]], config: WindowConfig = WINDOWS
) -> list[DenseMaps]:
    """The same for several canvases, whose windows of one size share batches."""
    images = [_to_unit_range(canvas).to(scorer.device) for canvas in canvases]
    views = [_encode_size(scorer, images, size, config) for size in config.sizes]
    side = choose_cell(scorer, config)
    return [
        DenseMaps(
            scorer,
            tuple(features[number] for _, features in views),
            tuple(grids[number] for grids, _ in views),
            CellGrid((canvas.shape[0], canvas.shape[1]), side),
            config,
        )
        for number, canvas in enumerate(canvases)
    ]


def _to_unit_range(canvas: NDArray[np.uint8]) -> Tensor:
    """(3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1).float().div_(255)


def _encode_size(
    scorer: DenseScorer, images: Sequence[Tensor], size: int, config: WindowConfig
) -> tuple[list[WindowGrid], list[DenseFeatures]]:
    """The windows of one size over images (3, H, W), and what the scorer sees in them."""
    grids, areas = [], []
    for image in images:
        area = (image.shape[1], image.shape[2])
        if config.short_side == "pad":
            area = (max(size, area[0]), max(size, area[1]))
        grids.append(WindowGrid.over(area, size, max(1, round(size * config.stride))))
        areas.append(_continued(image, area))
    features: dict[int, DenseFeatures] = {}
    for numbers in grouped([grid.size_hw for grid in grids]).values():
        crops = [areas[n][:, y0:y1, x0:x1] for n in numbers for x0, y0, x1, y1 in grids[n].boxes]
        batches = _windows(scorer, crops, config)
        seen = DenseFeatures.concatenate([scorer.encode(batch) for batch in batches])
        features.update(zip(numbers, _dealt(seen, [len(grids[n]) for n in numbers]), strict=True))
    return grids, [features[number] for number in range(len(images))]


def _dealt(features: DenseFeatures, counts: Sequence[int]) -> Iterator[DenseFeatures]:
    """Features of several pictures, apart; none keeps the others in memory."""
    if len(counts) == 1:
        yield features
        return
    for end, count in zip(accumulate(counts), counts, strict=True):
        yield DenseFeatures.concatenate([features[end - count : end]])


def choose_cell(scorer: DenseScorer, config: WindowConfig = WINDOWS) -> Fraction:
    """Side of the cells, in canvas pixels, that maps of a scorer come on."""
    if config.cell is not None:
        return Fraction(config.cell).limit_denominator(64)
    if config.input == "own":
        return Fraction(scorer.patch_size)
    return cell_side(config.sizes, scorer.input_size // scorer.patch_size)


def _continued(image: Tensor, area_hw: tuple[int, int]) -> Tensor:
    """Repeat the last row and column of (3, H, W) until the image fills the area."""
    below, right = (goal - side for goal, side in zip(area_hw, image.shape[1:], strict=True))
    if not (below or right):
        return image
    return F.pad(image[None], (0, right, 0, below), mode="replicate")[0]


def _windows(
    scorer: DenseScorer, crops: Sequence[Tensor], config: WindowConfig
) -> Iterator[Tensor]:
    """Normalized windows (n, 3, h, w) of equal crops (3, h', w'), a batch at a time."""
    side = scorer.input_size if config.input == "native" else 0
    height, width = (side or max(length, scorer.patch_size) for length in crops[0].shape[1:])
    for start in range(0, len(crops), config.batch):
        windows = torch.stack(list(crops[start : start + config.batch]))
        if windows.shape[2:] != (height, width):
            windows = F.interpolate(windows, (height, width), mode="bicubic", antialias=True)
            windows = windows.clamp_(0, 1)
        yield scorer.normalize(windows)


def fit_canvas(
    image: NDArray[np.uint8], long_side: int = 512, multiple: int = 1
) -> NDArray[np.uint8]:
    """Resize an image (bicubic) so that its longer side is `long_side` pixels.

    Args:
        image: (H, W, 3) uint8 RGB.
        long_side: pixels.
        multiple: both sides become the nearest multiple of so many pixels, at least one; the
            cell's side makes every cell whole.

    Example:
        >>> fit_canvas(np.zeros((375, 500, 3), np.uint8), 512, 4).shape
        (384, 512, 3)
    """
    scale = long_side / max(image.shape[:2])
    height, width = (
        max(multiple, round(side * scale / multiple) * multiple) for side in image.shape[:2]
    )
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)
