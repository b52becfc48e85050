"""Average features inside masks that are given as logits on a grid of another size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TINY = 1e-8


def resize_masks(logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Mask logits (B, Q, h, w) on a grid of another size (bilinear, no antialiasing)."""
    if tuple(logits.shape[-2:]) == size_hw:
        return logits
    return F.interpolate(logits, size=size_hw, mode="bilinear", align_corners=False)


def pool_masks(features: Tensor, logits: Tensor) -> Tensor:
    """Mean feature of each mask's cells (FC-CLIP, section 3.3).

    Logits are resized before they are cut at 0; resizing probabilities or the cut masks would give
    other cells. A mask without a cell gives the zero vector.

    Args:
        features: (B, C, H, W).
        logits: (B, Q, h, w); positive inside.

    Returns:
        (B, Q, C).

    Example:
        >>> features = torch.tensor([[[[1.0, 3.0]]]])
        >>> pool_masks(features, torch.tensor([[[[1.0, -1.0]], [[-1.0, -1.0]]]])).flatten().tolist()
        [1.0, 0.0]
    """
    height, width = features.shape[-2:]
    inside = (resize_masks(logits, (height, width)) > 0).to(features.dtype).flatten(2)
    weights = inside / (inside.sum(dim=-1, keepdim=True) + TINY)
    return torch.einsum("bcn,bqn->bqc", features.flatten(2), weights)
