"""What the mask decoder is taught: the nearest candidate of each truth, and honest scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GAMMA = 2.0  # of the focal loss (Lin et al. 2017)
# SAM weighs the focal loss by 20 x 1/4 inside a mask and 20 x 3/4 outside (Kirillov et al. 2023,
# appendix A). Cells at an edge then end up outside, and masks come out too small.
FOCAL, DICE = 5.0, 1.0
# How often a click means the part, the object and the group it lies in. Most masks that SAM was
# trained on are small, parts of objects rather than objects (Kirillov et al. 2023, section 5).
ODDS = (0.6, 0.3, 0.1)


def pairwise_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Focal and dice loss of every candidate with every truth.

    Both are linear in the truth, so the pairs are matrix products over the cells.

    Args:
        logits: (P, M, N) float32.
        truth: (P, L, N) float32 in [0, 1].

    Returns:
        (P, M, L).
    """
    cells, target = logits.shape[-1], truth.transpose(1, 2)
    chance = logits.sigmoid()
    inside = (1 - chance) ** GAMMA * F.softplus(-logits)
    outside = chance**GAMMA * F.softplus(logits)
    focal = ((inside - outside) @ target + outside.sum(dim=-1, keepdim=True)) / cells
    sizes = chance.sum(dim=-1, keepdim=True) + truth.sum(dim=-1)[:, None]
    dice = 1 - (2 * chance @ target + 1) / (sizes + 1)
    return FOCAL * focal + DICE * dice


@torch.no_grad()
def pairwise_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU (P, M, L) of the masks of logits (P, M, N) with truths (P, L, N)."""
    masks, regions = (logits > 0).float(), (truth >= 0.5).float()
    both = masks @ regions.transpose(1, 2)
    either = masks.sum(dim=-1, keepdim=True) + regions.sum(dim=-1)[:, None] - both
    return both / either.clamp(min=1)


def level_odds(valid: Tensor) -> Tensor:
    """`ODDS` among the levels (..., 3) that exist, with sum one; zeros where none does."""
    odds = valid * torch.tensor(ODDS, device=valid.device)
    return odds / odds.sum(dim=-1, keepdim=True).clamp(min=1e-9)


def decoder_losses(
    logits: Tensor, scores: Tensor, truth: Tensor, valid: Tensor, drawn: Tensor
) -> dict[str, Tensor]:
    """Losses of the masks and scores of P prompts.

    Of the three candidates only the one with the least loss learns from a truth; a click has up
    to three truths, its part, object and group, which count alike. The single mask, which answers
    what is not ambiguous, learns one of them.

    A score is to be the IoU with what was meant. SAM draws that anew each time (Kirillov et al.
    2023, section 3 and appendix A); here the mean over the draw is taken at once. So a score says
    how well a mask fits times how often such a mask is meant: where parts are meant more often
    than objects, it prefers parts. That is the bias which TIDES studies.

    Args:
        logits: (P, 4, N) float32, the single mask first.
        scores: (P, 4) float32.
        truth: (P, 3, N) float32.
        valid: (P, 3) bool.
        drawn: (P,) a valid level each.
    """
    losses = pairwise_loss(logits, truth)
    nearest = losses[:, 1:].amin(dim=1)
    overlaps = pairwise_iou(logits, truth)
    target = (overlaps * level_odds(valid)[:, None]).sum(dim=-1)
    target[:, :1] = overlaps[:, 0].gather(1, drawn[:, None])
    known = valid.any(dim=1)
    return {
        "mask": nearest[valid].mean(),
        "single": 0.25 * losses[:, :1].gather(2, drawn[:, None, None])[known].mean(),
        "score": F.mse_loss(scores[known], target[known]),
    }
