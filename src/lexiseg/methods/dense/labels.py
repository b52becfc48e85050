"""From scores to one class per pixel, as the segmentors of SCLIP and its followers do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lexiseg.scorers.slide import PixelScores


@dataclass(frozen=True)
class LabelRule:
    """When a pixel belongs to a class.

    Attributes:
        logit_scale: factor of the scores before the softmax over queries.
        min_probability: a pixel whose best class has less is background.
        min_area: classes that win at most this share of all pixels won by classes other than
            background are given up; 0 keeps all that win a pixel.
    """

    logit_scale: float = 40.0
    min_probability: float = 0.0
    min_area: float = 0.0


@dataclass(frozen=True)
class Labels:
    """The winner of every pixel.

    Attributes:
        classes: (H, W) int64.
        probability: (H, W) float32 of the winner.
        peak: (C,) float32, largest probability of each class in the image.
    """

    classes: Tensor
    probability: Tensor
    peak: Tensor


def label_pixels(
    scores: PixelScores, query_class: Tensor, rule: LabelRule, *, background: bool = True
) -> Labels:
    """Let classes compete; a class is as probable as its best query.

    Args:
        scores: of Q queries.
        query_class: (Q,) int64, the class of each query.
        rule: scale and area; the probability threshold is the caller's.
        background: class 0 is the background, which the area rule spares.
    """
    count = int(query_class.max()) + 1
    size_hw = (len(scores.rows), scores.halfway.shape[2])
    keep = torch.ones(count, device=query_class.device)
    classes = torch.empty(size_hw, dtype=torch.long, device=query_class.device)
    best = torch.empty(size_hw, device=query_class.device)
    peak = torch.zeros(count, device=query_class.device)
    for part, shares in _class_shares(scores, query_class, count, rule):
        best[part], classes[part] = shares.max(dim=0)
        peak = torch.maximum(peak, shares.amax(dim=(1, 2)))
    if rule.min_area:
        keep = _large_enough(classes, count, rule.min_area, background)
    if not keep.all():
        for part, shares in _class_shares(scores, query_class, count, rule):
            best[part], classes[part] = (shares * keep[:, None, None]).max(dim=0)
    return Labels(classes, best, peak)


def _large_enough(classes: Tensor, count: int, share: float, background: bool) -> Tensor:
    """1 for the classes that pass the area rule, else 0."""
    area = classes.flatten().bincount(minlength=count).float()
    if background:
        area[0] = 0
    keep = (area > share * area.sum()).float()
    if background:
        keep[0] = 1
    return keep


def _class_shares(
    scores: PixelScores, query_class: Tensor, count: int, rule: LabelRule
) -> Iterator[tuple[slice, Tensor]]:
    for part, strip in scores.strips():
        shares = strip.mul_(rule.logit_scale).softmax(dim=0)
        if count < len(query_class):
            merged = shares.new_zeros(count, *shares.shape[1:])
            number = query_class[:, None, None].expand_as(shares)
            shares = merged.scatter_reduce_(0, number, shares, "amax")
        yield part, shares
