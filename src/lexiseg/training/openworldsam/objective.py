"""What the adapter is taught: masks of matched queries, and whether there is anything at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.ops.assignment import assign
from lexiseg.ops.mask_losses import dice_cost, dice_loss, focal_cost, focal_loss
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.networks import QueryAnswers
from lexiseg.types import Mask


@dataclass(frozen=True)
class Match:
    """Queries of one text and the objects they are matched with.

    Attributes:
        queries: (M,) int64.
        objects: (M,) int64, of n; M is n, or K where there are more objects than queries.
        count: n.
    """

    queries: Tensor
    objects: Tensor
    count: int


@torch.no_grad()
def match_queries(
    answers: QueryAnswers, truth: Sequence[Tensor], config: AdapterTraining
) -> list[Match]:
    """Match the queries of every text with its objects at least cost, at the size of the masks.

    Args:
        answers: of P texts.
        truth: for each text (n, H, W) masks, 0 or 1; n may be 0.
        config: weights of the costs.
    """
    costs = [
        _cost(logits, masks, config) for logits, masks in zip(answers.logits, truth, strict=True)
    ]
    # One transfer for all texts: each waits until the device is done.
    flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()
    parts = np.split(flat, np.cumsum([cost.numel() for cost in costs])[:-1])
    return [
        _match(part.reshape(cost.shape), cost.device)
        for part, cost in zip(parts, costs, strict=True)
    ]


def _cost(logits: Tensor, masks: Tensor, config: AdapterTraining) -> Tensor:
    """(K, n) cost of each query (K, h, w) with each object (n, H, W)."""
    small = _resize(masks, logits.shape[-2:], "nearest").flatten(1)
    flat = logits.flatten(1)
    cost = config.focal_weight * focal_cost(flat, small)
    if config.dice_weight:
        cost = cost + config.dice_weight * dice_cost(flat, small)
    return cost


def _match(cost: NDArray[np.float32], device: torch.device) -> Match:
    queries, objects = (torch.from_numpy(part).to(device) for part in assign(cost))
    return Match(queries, objects, cost.shape[1])


@dataclass(frozen=True)
class PictureLoss:
    """Losses of one picture as sums over its texts, so that pictures can be added up.

    Attributes:
        mask: focal and dice losses with their weights, over the texts that mean something.
        presence: loss of the object scores, over all texts.
    """

    mask: Tensor
    presence: Tensor


def picture_loss(
    answers: QueryAnswers,
    truth: Sequence[Tensor],
    matches: Sequence[Match],
    config: AdapterTraining,
) -> PictureLoss:
    """The objective for one picture (paper, section 3.4; released matcher and criterion).

    Masks are compared at the size of the truth. The loss of a text is the sum over its matched
    queries divided by the number of its objects, even where there are more objects than queries.

    Args:
        answers: of P texts.
        truth: for each text (n, H, W) masks, 0 or 1.
        matches: from `match_queries`.
        config: weights.
    """
    masks = [
        _mask_loss(logits, scores, masks, match, config)
        for logits, scores, masks, match in zip(
            answers.logits, answers.scores, truth, matches, strict=True
        )
        if match.count
    ]
    zero = answers.logits.new_zeros(())
    presence = zero if not config.presence_weight else _presence_sum(answers, matches, config)
    return PictureLoss(sum(masks, zero), presence)


def _mask_loss(
    logits: Tensor, scores: Tensor, masks: Tensor, match: Match, config: AdapterTraining
) -> Tensor:
    chosen = _resize(logits[match.queries], masks.shape[-2:], "bilinear")
    target = masks[match.objects]
    loss = config.focal_weight * focal_loss(chosen, target).sum() / match.count
    if config.dice_weight:
        loss = loss + config.dice_weight * dice_loss(chosen, target).sum() / match.count
    if config.score_weight:
        loss = loss + config.score_weight * (1 - scores[match.queries]).mean()
    return loss


def _presence_sum(
    answers: QueryAnswers, matches: Sequence[Match], config: AdapterTraining
) -> Tensor:
    assert answers.object_logits is not None
    losses = [
        presence_loss(logits, match, config.unmatched_weight)
        for logits, match in zip(answers.object_logits, matches, strict=True)
    ]
    return config.presence_weight * torch.stack(losses).sum()


def presence_loss(object_logits: Tensor, match: Match, unmatched_weight: float) -> Tensor:
    """Object scores of one text: high where a query is matched, low where the text means nothing.

    Args:
        object_logits: (K,) of its queries.
        match: without pairs for a text that means nothing.
        unmatched_weight: of the other queries of a text that means something.

    Returns:
        the weighted mean of the queries' binary cross-entropy.
    """
    wanted = torch.zeros_like(object_logits)
    wanted[match.queries] = 1
    weight = torch.ones_like(object_logits)
    if match.count:
        weight = wanted + unmatched_weight * (1 - wanted)
    losses = F.binary_cross_entropy_with_logits(object_logits, wanted, reduction="none")
    return (weight * losses).sum() / weight.sum()


def _resize(masks: Tensor, size_hw: Sequence[int], mode: str) -> Tensor:
    """(n, H, W) to another size."""
    if not len(masks):
        return masks.new_zeros(0, *size_hw)
    aligned = False if mode == "bilinear" else None
    return F.interpolate(masks[None], tuple(size_hw), mode=mode, align_corners=aligned)[0]


def masks_on(masks: Sequence[Mask], size_hw: tuple[int, int], device: torch.device) -> Tensor:
    """(n, H, W) float32 masks, 0 or 1."""
    if not masks:
        return torch.zeros(0, *size_hw, device=device)
    stacked = np.stack([mask.to_array() for mask in masks])
    return torch.from_numpy(stacked).to(device, torch.float32)
