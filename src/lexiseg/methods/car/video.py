"""Video: every frame on its own, with an optional memory of the past frames' proposals.

The paper reports Ref-DAVIS without giving a procedure; frame by frame is our reading of it, and
the smoothing is our addition.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.recurrence import Step, Trace, survivors


class TemporalSmoother:
    """Exponential mean over frames of scores and proposals; one map per name is all it keeps.

    Args:
        config: weight of the past, and theta.
    """

    def __init__(self, config: CarConfig) -> None:
        self._config = config
        self._past: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, run: int, trace: Trace, queries: int) -> Trace:
        """Blend one run's outcome with the frames before and judge the names anew.

        Args:
            run: which run of a frame this is (things, stuff, a sentence).
            trace: what the frame alone says.
            queries: number of queries of the run.

        Returns:
            The trace with a last step of blended scores, and blended proposals; names that the
            frame alone lost may come back, and the other way round.
        """
        weight = self._config.temporal_smoothing
        scores, maps = _spread_out(trace, queries)
        if run in self._past and self._past[run][1].shape == maps.shape:
            past_scores, past_maps = self._past[run]
            scores = weight * past_scores + (1 - weight) * scores
            maps = weight * past_maps + (1 - weight) * maps
        self._past[run] = (scores, maps)
        kept = survivors(scores, self._config)
        verdict = Step(tuple(range(queries)), tuple(scores.tolist()), tuple(kept))
        return Trace(
            (*trace.steps, verdict), verdict.kept, tuple(scores[kept].tolist()), maps[kept]
        )


def _spread_out(trace: Trace, queries: int) -> tuple[Tensor, Tensor]:
    """Scores (N,) and proposals (N, n) of all queries, zero for those removed."""
    rows = list(trace.kept)
    scores = torch.zeros(queries)
    scores[rows] = torch.tensor(trace.scores)
    maps = trace.proposals.new_zeros(queries, trace.proposals.shape[1])
    maps[rows] = trace.proposals
    return scores, maps
