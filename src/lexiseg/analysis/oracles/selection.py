"""Oracle (c): the best candidates are chosen (Section 4.3, Table 3).

Every true segment gets one candidate, by the assignment that costs least in all (cross entropy and
Dice, five to five); the others are thrown away, and panoptic inference runs on. With "no object"
among the classes, quality falls: candidates that fit are thrown away all the same. Without it, what
is gained was lost by the choice among candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap, CaseSegment
from lexiseg.ops.assignment import assign as cheapest_pairs
from lexiseg.ops.mask_cost import mask_costs


@dataclass(frozen=True)
class AssignmentCost:
    """What it costs to take a candidate for a true segment.

    Args:
        entropy: weight of the cross entropy.
        dice: weight of the Dice cost.
        points: random points the cost is taken on (Mask2Former: 12,544); None takes every pixel.
        seed: of the points.
    """

    entropy: float = 5.0
    dice: float = 5.0
    points: int | None = None
    seed: int = 0


EXACT = AssignmentCost()


class Assignment(NamedTuple):
    """(N,) places of candidates, and of the true segments they are taken for."""

    candidates: NDArray[np.int64]
    segments: NDArray[np.int64]


def assign(
    candidates: CandidateSet,
    truth: CaseMap,
    segments: Sequence[CaseSegment],
    cost: AssignmentCost = EXACT,
) -> Assignment:
    """Candidates for the true segments; what is more than candidates stays without one.

    Args:
        candidates: the candidates.
        truth: the true map.
        segments: those of its segments that are to be found.
        cost: see there.

    Returns:
        The pairs, by candidate.
    """
    masks = torch.from_numpy(truth.masks(segments))
    logits, true = candidates.masks, masks
    if cost.points is not None:
        logits, true = _at_points(logits, masks, cost.points, cost.seed)
    entropy, dice = mask_costs(logits, true)
    whole = cost.entropy * entropy + cost.dice * dice
    return Assignment(*cheapest_pairs(whole.numpy()))


def _at_points(logits: Tensor, masks: Tensor, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """Both at the same random places, (N, 1, points)."""
    generator = torch.Generator().manual_seed(seed)
    grid = 2 * torch.rand(1, 1, points, 2, generator=generator) - 1
    pair = (grid_sample(x.float()[None], grid, align_corners=False)[0] for x in (logits, masks))
    return next(pair), next(pair)


def to_be_found(truth: CaseMap) -> list[CaseSegment]:
    """The segments that are no crowds and have a pixel left."""
    present = set(np.unique(truth.ids).tolist())
    return [item for item in truth.segments if not item.crowd and item.id in present]
