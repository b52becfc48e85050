"""Focal and dice losses of mask logits, pair by pair and of all with all."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

ALPHA, GAMMA = 0.25, 2.0  # of the focal loss (Lin et al. 2017, section 4.1)


def focal_loss(logits: Tensor, truth: Tensor, alpha: float = ALPHA, gamma: float = GAMMA) -> Tensor:
    """Focal loss of each mask, as the mean over its pixels (Lin et al. 2017, equation 5).

    Args:
        logits: (M, ...) floating point.
        truth: (M, ...) of the same shape, 0..1.
        alpha: weight of pixels inside; those outside weigh 1 - alpha.
        gamma: how much less pixels weigh that are right already.

    Returns:
        (M,).

    Example:
        >>> import torch
        >>> round(focal_loss(torch.zeros(1, 4), torch.ones(1, 4)).item() * 16, 4)  # log 2
        0.6931
    """
    chance = logits.sigmoid()
    surprise = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    right = chance * truth + (1 - chance) * (1 - truth)
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    return (weight * surprise * (1 - right) ** gamma).flatten(1).mean(dim=1)


def focal_cost(logits: Tensor, truth: Tensor, alpha: float = ALPHA, gamma: float = GAMMA) -> Tensor:
    """Focal loss of every mask with every truth, as two matrix products.

    Args:
        logits: (Q, N) floating point.
        truth: (G, N) 0 or 1.
        alpha: see `focal_loss`.
        gamma: see `focal_loss`.

    Returns:
        (Q, G).
    """
    chance = logits.sigmoid()
    inside = alpha * (1 - chance) ** gamma * F.softplus(-logits)
    outside = (1 - alpha) * chance**gamma * F.softplus(logits)
    return (inside @ truth.T + outside @ (1 - truth).T) / logits.shape[1]


def dice_loss(logits: Tensor, truth: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the dice coefficient of each mask with its truth.

    Args:
        logits: (M, ...) floating point.
        truth: (M, ...) of the same shape, 0..1.
        smooth: is added to numerator and denominator.

    Returns:
        (M,).
    """
    chance, truth = logits.sigmoid().flatten(1), truth.flatten(1)
    both, sizes = (chance * truth).sum(dim=1), chance.sum(dim=1) + truth.sum(dim=1)
    return 1 - (2 * both + smooth) / (sizes + smooth)


def dice_cost(logits: Tensor, truth: Tensor, smooth: float = 1.0) -> Tensor:
    """`dice_loss` of every mask (Q, N) with every truth (G, N): (Q, G)."""
    chance = logits.sigmoid()
    sizes = chance.sum(dim=1)[:, None] + truth.sum(dim=1)[None]
    return 1 - (2 * chance @ truth.T + smooth) / (sizes + smooth)
