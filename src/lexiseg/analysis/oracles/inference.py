"""What a predictor makes of its candidates: segments, or a class for every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap, CaseSegment
from lexiseg.ops.panoptic_inference import (
    PanopticThresholds,
    WonSegments,
    panoptic_inference,
    semantic_inference,
)


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
    thresholds: PanopticThresholds
    thresholds_without_void: PanopticThresholds
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
        if self.semantic:
            labels = semantic_inference(candidates.classes, candidates.masks, size_hw)
            return CaseMap.of_classes(labels, void=np.full(size_hw, not len(candidates)))
        return map_of(self.won(candidates, size_hw, no_void=no_void))

    def won(
        self, candidates: CandidateSet, size_hw: tuple[int, int], *, no_void: bool = False
    ) -> WonSegments:
        """Panoptic inference with all it says of the candidates."""
        thresholds = self.thresholds_without_void if no_void else self.thresholds
        return panoptic_inference(
            candidates.probabilities, candidates.masks, size_hw, self.is_thing, thresholds
        )


def map_of(won: WonSegments) -> CaseMap:
    """The outcome of panoptic inference as the map of a case."""
    return CaseMap(
        won.ids, tuple(CaseSegment(number, c) for number, c in enumerate(won.classes, start=1))
    )
