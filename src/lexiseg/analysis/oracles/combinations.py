"""Oracle (d): the best candidates, and with them true masks or true names (Section 4.4, Table 4).

Selection without "no object" comes first. A chosen candidate then takes the mask of its segment and
keeps its classes, or takes the class and keeps its mask; with both, nothing is lost but segments
that no candidate was left for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap, CaseSegment
from lexiseg.analysis.oracles.selection import Assignment
from lexiseg.ops.panoptic_inference import PanopticThresholds, WonSegments, panoptic_inference

CERTAIN = 1e4  # of a true mask: so that its probability is 1 or 0 exactly


@dataclass(frozen=True)
class Help:
    """What is given beside the choice of candidates.

    Args:
        drop_void: no candidate can be thrown away as no object.
        masks: chosen candidates have the masks of their segments.
        names: and their classes, with probability 1.
    """

    drop_void: bool = True
    masks: bool = False
    names: bool = False


SELECTIONS: Mapping[str, Help] = MappingProxyType(
    {
        "selection with void": Help(drop_void=False),
        "selection": Help(),
        "selection and masks": Help(masks=True),
        "selection and names": Help(names=True),
        "selection, masks and names": Help(masks=True, names=True),
    }
)


def chosen_map(
    candidates: CandidateSet,
    truth: CaseMap,
    true: list[CaseSegment],
    pairs: Assignment,
    help_given: Help,
    is_thing: NDArray[np.bool_],
    thresholds: PanopticThresholds,
) -> CaseMap:
    """The answer of a predictor that chooses its candidates by the truth.

    Args:
        candidates: all candidates.
        truth: the true map.
        true: its segments that are to be found.
        pairs: of `assign`.
        help_given: what else is given.
        is_thing: (C,) bool.
        thresholds: those of the predictor.
    """
    chosen = candidates.chosen(pairs.candidates.tolist())
    segments = [true[place] for place in pairs.segments]
    if help_given.drop_void:
        chosen = chosen.without_void()
    masks = chosen.masks
    if help_given.masks:
        masks = torch.from_numpy(truth.masks(segments)).float().sub(0.5).mul(CERTAIN)
    probabilities = chosen.probabilities
    if help_given.names:
        probabilities = _sure(segments, probabilities.shape[1])
    return map_of(panoptic_inference(probabilities, masks, truth.size_hw, is_thing, thresholds))


def _sure(segments: list[CaseSegment], columns: int) -> Tensor:
    """(N, columns) with 1 at the class of each segment."""
    sure = torch.zeros(len(segments), columns)
    for row, segment in enumerate(segments):
        sure[row, segment.class_index] = 1
    return sure


def map_of(won: WonSegments) -> CaseMap:
    """The outcome of panoptic inference as the map of a case."""
    return CaseMap(
        won.ids, tuple(CaseSegment(number, c) for number, c in enumerate(won.classes, start=1))
    )
