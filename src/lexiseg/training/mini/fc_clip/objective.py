"""Mask2Former's losses with FC-CLIP's names: match candidates with segments, then compare.

Cheng et al. 2022, section 3.3; weights and points of FC-CLIP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.ops.assignment import assign
from lexiseg.ops.mask_losses import dice_cost, dice_loss
from lexiseg.training.mini.fc_clip.pictures import SegmentTruth


@dataclass(frozen=True)
class Weights:
    """How much each part counts, in the match and in the loss."""

    names: float = 2.0
    pixels: float = 5.0  # cross entropy of mask pixels
    overlap: float = 5.0  # dice
    void: float = 0.1  # of candidates without a segment, in the loss of names


@dataclass(frozen=True)
class PointRule:
    """Where masks are compared.

    Attributes:
        count: points per mask; the published 12,544 are for pictures of 1024 pixels.
        oversample: the loss draws so many times as many ...
        uncertain: ... and takes this share of its points where the mask is least sure.
    """

    count: int = 1024
    oversample: float = 3.0
    uncertain: float = 0.75


def at_points(maps: Tensor, points: Tensor) -> Tensor:
    """Bilinear values (N, P) of maps (N, h, w) at points (N or 1, P, 2), x and y from 0 to 1."""
    grid = (2 * points - 1).expand(len(maps), -1, -1)[:, None]
    return F.grid_sample(maps[:, None], grid, align_corners=False)[:, 0, 0]


@torch.no_grad()
def match(
    logits: Tensor,
    masks: Tensor,
    truth: SegmentTruth,
    weights: Weights,
    rule: PointRule,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The cheapest one-to-one choice of candidates for the segments of a picture.

    Args:
        logits: (Q, C + 1), void last.
        masks: (Q, h, w) logits.
        truth: G segments.
        weights: of the costs.
        rule: how many points masks are compared at; they are the same for all pairs.
        generator: of the points.

    Returns:
        numbers of candidates and of segments, (min(Q, G),) int64 each.
    """
    points = torch.rand(1, rule.count, 2, generator=generator).to(masks.device)
    seen, true = at_points(masks, points), at_points(truth.masks, points)
    pixels = F.softplus(-seen) @ true.T + F.softplus(seen) @ (1 - true).T
    cost = (
        weights.names * -logits.softmax(dim=-1)[:, truth.labels]
        + weights.pixels * pixels / rule.count
        + weights.overlap * dice_cost(seen, true)
    )
    rows, columns = assign(cost.float().cpu().numpy())
    return torch.from_numpy(rows).to(masks.device), torch.from_numpy(columns).to(masks.device)


@torch.no_grad()
def uncertain_points(masks: Tensor, rule: PointRule, generator: torch.Generator) -> Tensor:
    """Points (N, P, 2), most of them where masks (N, h, w) are least sure, the rest anywhere."""
    drawn = torch.rand(len(masks), int(rule.count * rule.oversample), 2, generator=generator)
    drawn = drawn.to(masks.device)
    many = int(rule.uncertain * rule.count)
    order = at_points(masks, drawn).abs().argsort(dim=1)[:, :many]
    sharp = drawn.gather(1, order[..., None].expand(-1, -1, 2))
    rest = torch.rand(len(masks), rule.count - many, 2, generator=generator).to(masks.device)
    return torch.cat([sharp, rest], dim=1)


def proposal_losses(
    predictions: Iterable[tuple[Tensor, Tensor]],
    truths: Sequence[SegmentTruth],
    generator: torch.Generator,
    weights: Weights | None = None,
    rule: PointRule | None = None,
) -> dict[str, Tensor]:
    """Weighted losses, summed over the predictions after every layer.

    Args:
        predictions: logits (B, Q, C + 1) and masks (B, Q, h, w) of each layer.
        truths: of the B pictures.
        generator: of all points.
        weights: of the parts.
        rule: where masks are compared.
    """
    chosen, places = weights or Weights(), rule or PointRule()
    total: dict[str, Tensor] = {}
    for logits, masks in predictions:
        for name, loss in _losses(logits, masks, truths, chosen, places, generator).items():
            total[name] = total[name] + loss if name in total else loss
    return total


def _losses(
    logits: Tensor,
    masks: Tensor,
    truths: Sequence[SegmentTruth],
    weights: Weights,
    rule: PointRule,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    void = logits.shape[-1] - 1
    target = torch.full(logits.shape[:2], void, device=logits.device)
    seen, true = [], []
    for picture, truth in enumerate(truths):
        rows, columns = match(logits[picture], masks[picture], truth, weights, rule, generator)
        target[picture, rows] = truth.labels[columns]
        seen.append(masks[picture, rows])
        true.append(truth.masks[columns])
    importance = torch.ones(void + 1, device=logits.device)
    importance[void] = weights.void
    names = F.cross_entropy(logits.flatten(0, 1), target.flatten(), importance)
    own, goal = torch.cat(seen), torch.cat(true)
    count = max(1, len(own))
    points = uncertain_points(own, rule, generator)
    sampled, wanted = at_points(own, points), at_points(goal, points)
    pixels = F.binary_cross_entropy_with_logits(sampled, wanted, reduction="none").mean(dim=1)
    return {
        "names": weights.names * names,
        "pixels": weights.pixels * pixels.sum() / count,
        "overlap": weights.overlap * dice_loss(sampled, wanted).sum() / count,
    }
