"""Oracle (d): the best candidates, and with them true masks or true names (Section 4.4, Table 4).

Selection without "no object" comes first. A chosen candidate then takes the mask of its segment and
keeps its classes, or takes the class and keeps its mask; with both, nothing is lost but segments
that no candidate was left for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap, CaseSegment
from lexiseg.analysis.oracles.helps import (
    SELECTION,
    WITH_BOTH,
    WITH_MASKS,
    WITH_NAMES,
    WITH_VOID,
)
from lexiseg.analysis.oracles.selection import Assignment

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
        WITH_VOID: Help(drop_void=False),
        SELECTION: Help(),
        WITH_MASKS: Help(masks=True),
        WITH_NAMES: Help(names=True),
        WITH_BOTH: Help(masks=True, names=True),
    }
)


def helped_candidates(
    candidates: CandidateSet,
    truth: CaseMap,
    true: list[CaseSegment],
    pairs: Assignment,
    help_given: Help,
) -> CandidateSet:
    """What a predictor goes on with that chooses its candidates by the truth.

    Args:
        candidates: all of them.
        truth: the true map.
        true: its segments that are to be found.
        pairs: of `assign`.
        help_given: what else is given.
    """
    chosen = candidates.chosen(pairs.candidates.tolist())
    segments = [true[place] for place in pairs.segments]
    if help_given.drop_void:
        chosen = chosen.without_void()
    if help_given.masks:
        masks = torch.from_numpy(truth.masks(segments)).float().sub(0.5).mul(CERTAIN)
        chosen = replace(chosen, masks=masks)
    if help_given.names:
        sure = _sure(segments, chosen.classes.shape[1])
        chosen = replace(chosen, classes=sure, void=torch.zeros(len(segments)))
    return chosen


def _sure(segments: list[CaseSegment], classes: int) -> Tensor:
    """(N, classes) with 1 at the class of each segment."""
    sure = torch.zeros(len(segments), classes)
    for row, segment in enumerate(segments):
        sure[row, segment.class_index] = 1
    return sure
