"""Two-dimensional sine positions of detection transformers (Carion et al. 2020, appendix A.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURE = 10_000.0
TINY = 1e-6


def sine_positions(maps: Tensor) -> Tensor:
    """Positions of the cells of maps, normalized to 2 pi per side.

    Args:
        maps: (B, D, h, w); D is a multiple of four.

    Returns:
        (1, D, h, w) in the maps' precision: the first half tells the row, the second the column,
        sines and cosines taking turns.

    Example:
        >>> sine_positions(torch.zeros(2, 8, 3, 5)).shape
        torch.Size([1, 8, 3, 5])
    """
    width, height, columns = maps.shape[1:]
    row = _waves(height, width // 2, maps.device)[:, :, None].expand(-1, -1, columns)
    column = _waves(columns, width // 2, maps.device)[:, None, :].expand(-1, height, -1)
    return torch.cat([row, column])[None].to(maps.dtype)


def _waves(length: int, count: int, device: torch.device) -> Tensor:
    """(count, length) sines and cosines of positions along one side."""
    steps = torch.arange(1, length + 1, dtype=torch.float32, device=device)
    angle = steps / (length + TINY) * (2 * math.pi)
    pairs = torch.arange(count, device=device).div(2, rounding_mode="floor")
    turned = angle / TEMPERATURE ** (2 * pairs / count)[:, None]
    even = (torch.arange(count, device=device) % 2 == 0)[:, None]
    return torch.where(even, turned.sin(), turned.cos())
