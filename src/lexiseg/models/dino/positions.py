"""Where patches are: a position table fitted to other grids, and rotary angles."""

from __future__ import annotations

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.dino.config import PositionFit

OFFSET = 0.1  # kept the released code's scale factor from rounding down to one row too few


def fit_table(
    table: Tensor, grid_hw: tuple[int, int], fit: PositionFit, square: bool = True
) -> Tensor:
    """Fit a table of positions to a grid of patches (bicubic, in float32).

    The published networks are run with three rules. "offset" samples with the slightly inflated
    scale (side + 0.1) / native, so that the drift grows toward the bottom right corner;
    "antialiased" samples the exact size with antialiasing; "exact" does so without, as
    transformers runs DINO and DINOv2. At native size a square picture gets
    the table as it is.

    Args:
        table: (1, 1 + native * native, D); the row of CLS is kept.
        grid_hw: rows and columns.
        fit: the rule.
        square: whether the picture is.

    Returns:
        (1, 1 + rows * columns, D).
    """
    cls, patches = table[:, :1], table[:, 1:]
    native = round(patches.shape[1] ** 0.5)
    if square and grid_hw == (native, native):
        return table
    image = patches.float().mT.reshape(1, -1, native, native)
    if fit == "offset":
        scale = [(side + OFFSET) / native for side in grid_hw]
        image = F.interpolate(image, scale_factor=scale, mode="bicubic", align_corners=False)
    else:
        smooth = fit == "antialiased"
        image = F.interpolate(image, grid_hw, mode="bicubic", align_corners=False, antialias=smooth)
    return torch.cat([cls, image.flatten(2).mT.to(table.dtype)], dim=1)


class Rotation:
    """Rotary positions: queries and keys of patches turn by angles that grow along both axes.

    Args:
        grid_hw: rows and columns of patches.
        overlap: patch size by stride; patches are found by their centers, relative to the sides
            of the area they cover together.
        head_dim: width of a head, a multiple of 4.
        theta: base of the frequencies.
        device: where to compute.
    """

    def __init__(
        self,
        grid_hw: tuple[int, int],
        overlap: float,
        head_dim: int,
        theta: float,
        device: torch.device,
    ) -> None:
        frequencies = theta ** -torch.arange(0, 1, 4 / head_dim, device=device)
        axes = [_centers(count, overlap).to(device) for count in grid_hw]
        centers = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, 2, 1)
        angles = (2 * pi * centers * frequencies).flatten(1).tile(2)
        self.cosine, self.sine = angles.cos(), angles.sin()

    def __call__(self, vectors: Tensor) -> Tensor:
        """Turn (B, heads, tokens, head_dim); tokens before the patches stay as they are."""
        extra = vectors.shape[2] - len(self.cosine)
        patches = vectors[:, :, extra:]
        first, second = patches.chunk(2, dim=-1)
        turned = patches * self.cosine + torch.cat([-second, first], dim=-1) * self.sine
        return torch.cat([vectors[:, :, :extra], turned.to(vectors.dtype)], dim=2)


def _centers(count: int, overlap: float) -> Tensor:
    """Centers of patches on one axis, within -1 and 1."""
    return 2 * (torch.arange(count) + overlap / 2) / (count - 1 + overlap) - 1
