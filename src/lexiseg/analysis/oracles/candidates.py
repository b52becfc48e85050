"""What became of the candidates: which fit a true segment, and at which step they were lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap
from lexiseg.ops.mask_cost import full_size
from lexiseg.ops.mask_inference import Fate, PanopticDivision

GOOD = 0.5  # IoU above which a candidate fits a segment, as in panoptic quality


@dataclass(frozen=True)
class CandidateFates:
    """Candidates against the true segments of a picture.

    Args:
        ious: (T, Q) IoU of the masks (probability above one half), void taken out of the union;
            crowds overlap with nothing.
        void: (Q,) probability of "no object".
        score: (Q,) the best class's probability.
        fates: of each candidate in the predictor's own inference.
    """

    ious: NDArray[np.float64]
    void: NDArray[np.float64]
    score: NDArray[np.float64]
    fates: tuple[Fate, ...]

    @classmethod
    def of(
        cls, candidates: CandidateSet, truth: CaseMap, division: PanopticDivision
    ) -> CandidateFates:
        """Compare candidates with the truth.

        Args:
            candidates: of the picture.
            truth: the true map.
            division: what the predictor's own inference makes of them.
        """
        best = candidates.classes.amax(dim=1)
        return cls(
            candidate_ious(candidates.masks, truth),
            candidates.void.double().numpy(),
            best.double().numpy(),
            division.fates,
        )

    def fitting(self, place: int) -> set[Fate]:
        """What became of the candidates that fit a true segment."""
        return {self.fates[q] for q in np.flatnonzero(self.ious[place] > GOOD)}

    @property
    def good(self) -> NDArray[np.bool_]:
        """(T, Q) which candidates fit which segment."""
        return self.ious > GOOD

    def ranks(self) -> list[int]:
        """For each segment, how many candidates one must keep, best first, until one fits it.

        The best are those of the highest class probability; -1 where none fits.
        """
        order = np.argsort(-self.score, kind="stable")
        good = self.good[:, order]
        return [int(row.argmax()) + 1 if row.any() else -1 for row in good]


def candidate_ious(logits: Tensor, truth: CaseMap) -> NDArray[np.float64]:
    """(T, Q) IoU of candidates, cut at logit 0, with true segments of the same picture.

    Args:
        logits: (Q, h, w), scaled to the picture.
        truth: the true map; its annotated areas count, as in panoptic quality.
    """
    true = torch.from_numpy(truth.masks(truth.segments)).flatten(1)
    labeled = torch.from_numpy(truth.ids != 0).flatten()
    columns = torch.cat([true, labeled[None]]).float().T.contiguous()
    parts = [(part > 0).float() @ columns for part in full_size(logits, truth.size_hw)]
    counts = torch.cat(parts).double().numpy() if parts else np.zeros((0, columns.shape[1]))
    shared, own = counts[:, :-1].T, counts[:, -1]
    areas = np.array([segment.area for segment in truth.segments], dtype=np.float64)
    union = areas[:, None] + own - shared
    ious = np.divide(shared, union, out=np.zeros_like(union), where=shared > 0)
    ious[[segment.crowd for segment in truth.segments]] = 0
    return ious
