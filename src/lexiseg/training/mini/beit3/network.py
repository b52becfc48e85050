"""The small BEiT-3: sizes, and what is read off its CLS while it learns."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lexiseg.models.beit3 import Beit3Config

WIDTH, LAYERS, HEADS = 192, 6, 3
SIDE, PATCH = 160, 16  # pixels
LONGEST = 64  # rows of the table of text positions
SPOTTED = 4  # number of the block before which patches are asked
CELLS = 20  # rows and columns of the regions that CLS is asked for


def beit3_config(vocabulary: int) -> Beit3Config:
    """Sizes of the network: 5.7 million parameters with 1,000 tokens."""
    return Beit3Config(WIDTH, LAYERS, HEADS, 4 * WIDTH, SIDE, PATCH, vocabulary, LONGEST)


class Read(NamedTuple):
    """Logits of N texts.

    Attributes:
        truth: (N,) the text is true of the picture.
        place: (N, CELLS * CELLS) where what it means is, read off CLS.
        spots: (N, n) the same, each patch by itself.
    """

    truth: Tensor
    place: Tensor
    spots: Tensor


class WordReader(nn.Module):
    """Reads whether a text is true of a picture and where it is; only used in training.

    The region is read off CLS without another look at the picture, so CLS has to know the place.
    Patches of an earlier block are asked, each for itself, whether they lie in it.

    Args:
        width: of tokens.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.spots = nn.Linear(width, 1)
        self.truth = nn.Linear(width, 1)
        self.place = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, CELLS**2)
        )

    def forward(self, cls: Tensor, patches: Tensor) -> Read:
        """Read vectors (N, D) of CLS and patches (N, n, D) of the block before `SPOTTED`."""
        spots = self.spots(self.norm(patches))[..., 0]
        return Read(self.truth(cls)[:, 0], self.place(cls), spots)


def prepare(images: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] as BEiT-3 reads them; see `models.beit3.preprocess`."""
    resized = nn.functional.interpolate(images, (SIDE, SIDE), mode="bicubic", align_corners=False)
    return (resized - 0.5) / 0.5


def coverage(regions: Tensor, values: list[tuple[int, ...]], cells: int = CELLS) -> Tensor:
    """Share of each cell that some values of a region map cover.

    Args:
        regions: (N, h, w) uint8.
        values: N sets of values.
        cells: rows and columns of cells.

    Returns:
        (N, cells * cells) float32.
    """
    known = torch.zeros(len(regions), 256)
    for row, meant in zip(known, values, strict=True):
        row[list(meant)] = 1
    inside = known.gather(1, regions.flatten(1).long()).view(len(regions), 1, *regions.shape[1:])
    return nn.functional.adaptive_avg_pool2d(inside, cells).flatten(1)
