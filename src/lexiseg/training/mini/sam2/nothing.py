"""Prompts that mean no object: what teaches SAM 2's object score to be low."""

from __future__ import annotations

import torch
from torch import Tensor

from lexiseg.training.mini.sam2.network import INSIDE, NO_POINT, OUTSIDE, SIDE

BEYOND = (8.0, 128.0)  # pixels from the frame


def draw_nothing(pictures: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Three prompts per picture that mean nothing in it.

    In video, SAM 2 learns its object score from objects that have left the picture. A single
    picture has no such frames: here no point is given at all, or a point that only says what is
    not meant, or a point beyond the frame.

    Returns:
        (B, 3, 2, 2) points and (B, 3, 2) int64 kinds.
    """
    places = torch.rand(pictures, 3, 2, 2, generator=generator) * SIDE
    places[:, 2, 0] = _beyond(pictures, generator)
    kinds = torch.full((pictures, 3, 2), NO_POINT)
    kinds[:, 1, 0], kinds[:, 2, 0] = OUTSIDE, INSIDE
    return places, kinds


def _beyond(count: int, generator: torch.Generator) -> Tensor:
    """(count, 2) points outside of the frame, by one of its four sides."""
    low, high = BEYOND
    along = torch.rand(count, generator=generator) * SIDE
    away = low + torch.rand(count, generator=generator) * (high - low)
    side = torch.randint(4, (count,), generator=generator)
    across = torch.where(side < 2, -away, SIDE + away)
    flat = (side % 2 == 0)[:, None]
    return torch.where(flat, torch.stack([across, along], 1), torch.stack([along, across], 1))
