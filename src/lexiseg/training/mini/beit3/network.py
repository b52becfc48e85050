"""The small BEiT-3: sizes, and what is read off its CLS while it learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lexiseg.models.beit3 import Beit3Config

WIDTH, LAYERS, HEADS = 192, 6, 3
SIDE, PATCH = 160, 16  # pixels
LONGEST = 64  # rows of the table of text positions
CELLS = 20  # rows and columns of the regions that CLS is asked for


def beit3_config(vocabulary: int) -> Beit3Config:
    """Sizes of the network: 5.7 million parameters with 1,000 tokens."""
    return Beit3Config(WIDTH, LAYERS, HEADS, 4 * WIDTH, SIDE, PATCH, vocabulary, LONGEST)


class ClsReader(nn.Module):
    """Reads off CLS whether a text is true of a picture and where it is; only used in training.

    The region is read without another look at the picture, so CLS has to know the place.

    Args:
        width: of CLS.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.truth = nn.Linear(width, 1)
        self.place = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, CELLS**2)
        )

    def forward(self, cls: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N,) of truth and (N, CELLS * CELLS) of places, of vectors (N, D)."""
        return self.truth(cls)[:, 0], self.place(cls)


def prepare(images: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] as BEiT-3 reads them; see `models.beit3.preprocess`."""
    resized = nn.functional.interpolate(images, (SIDE, SIDE), mode="bicubic", align_corners=False)
    return (resized - 0.5) / 0.5


def coverage(regions: Tensor, values: list[tuple[int, ...]]) -> Tensor:
    """Share of each cell that some values of a region map cover.

    Args:
        regions: (N, h, w) uint8.
        values: N sets of values.

    Returns:
        (N, CELLS * CELLS) float32.
    """
    known = torch.zeros(len(regions), 256)
    for row, meant in zip(known, values, strict=True):
        row[list(meant)] = 1
    inside = known.gather(1, regions.flatten(1).long()).view(len(regions), 1, *regions.shape[1:])
    return nn.functional.adaptive_avg_pool2d(inside, CELLS).flatten(1)
