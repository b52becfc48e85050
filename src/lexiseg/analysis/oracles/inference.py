"""What a predictor makes of its candidates: segments, or a class for every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap, CaseSegment
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.ops.mask_inference import PanopticDivision, panoptic_division, semantic_strips
from lexiseg.types import Frame


@dataclass(frozen=True)
class Thresholds:
    """When a candidate takes part in panoptic inference, and when its segment stays.

    Args:
        object_mask: the score of a candidate must be above.
        overlap: share of its own mask that it must win.
    """

    object_mask: float = 0.0
    overlap: float = 0.8


@dataclass(frozen=True)
class Inference:
    """The last step of Mask2Former and its kind.

    Args:
        is_thing: (C,) bool.
        thresholds: of panoptic inference.
        thresholds_without_void: where "no object" is no choice.
        semantic: every pixel gets a class, by the sum over all candidates; otherwise segments.
    """

    is_thing: NDArray[np.bool_]
    thresholds: Thresholds
    thresholds_without_void: Thresholds
    semantic: bool = False

    def __call__(
        self, candidates: CandidateSet, size_hw: tuple[int, int], *, no_void: bool = False
    ) -> CaseMap:
        """The map of an answer.

        Args:
            candidates: to be decided among.
            size_hw: height and width of the picture in pixels.
            no_void: whether "no object" is no choice.
        """
        if not len(candidates):
            return CaseMap(np.zeros(size_hw, dtype=np.int64), ())
        if self.semantic:
            strips = semantic_strips(candidates.classes, _at_full_size(candidates, size_hw))
            labels = torch.cat([scores.argmax(dim=0) for _, scores in strips])
            return CaseMap.of_classes(labels.numpy(), void=np.zeros(size_hw, dtype=bool))
        return map_of(self.division(candidates, size_hw, no_void=no_void))

    def division(
        self, candidates: CandidateSet, size_hw: tuple[int, int], *, no_void: bool = False
    ) -> PanopticDivision:
        """Panoptic inference with the fates of the candidates."""
        chosen = self.thresholds_without_void if no_void else self.thresholds
        return panoptic_division(
            candidates.probabilities, _at_full_size(candidates, size_hw),
            torch.from_numpy(self.is_thing), chosen.object_mask, chosen.overlap,
        )  # fmt: skip


def map_of(division: PanopticDivision) -> CaseMap:
    """The outcome of panoptic inference as the map of a case."""
    segments = (CaseSegment(segment.id, segment.label) for segment in division.segments)
    return CaseMap(division.ids.numpy(), tuple(segments))


def _at_full_size(candidates: CandidateSet, size_hw: tuple[int, int]) -> FullSizeMasks:
    """The candidates' masks, which cover the picture and nothing else."""
    return FullSizeMasks(candidates.masks, Frame(size_hw, size_hw, size_hw))
