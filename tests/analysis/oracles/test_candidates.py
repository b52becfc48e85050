from __future__ import annotations

import numpy as np
import pytest

from lexiseg.analysis.oracles.candidates import CandidateFates, candidate_ious
from lexiseg.analysis.oracles.inference import Inference, Thresholds
from tests.analysis.oracles.drawing import THINGS, candidates_near, random_map


@pytest.mark.parametrize("seed", range(10))
def test_overlap_is_counted_pixel_by_pixel(seed: int) -> None:
    truth = random_map(np.random.default_rng(seed), crowd=0.2)
    candidates = candidates_near(truth, seed, blur=3)
    ious = candidate_ious(candidates.masks, truth)
    for t, segment in enumerate(truth.segments):
        for q, logits in enumerate(candidates.masks.numpy()):
            mask, own = truth.ids == segment.id, (logits > 0) & (truth.ids != 0)
            expected = 0 if segment.crowd else (mask & own).sum() / (mask | own).sum()
            assert ious[t, q] == pytest.approx(expected)


def test_ranks_count_candidates_best_first() -> None:
    truth = random_map(np.random.default_rng(5))
    candidates = candidates_near(truth, 5, blur=3)
    infer = Inference(THINGS, Thresholds(), Thresholds())
    won = infer.division(candidates, truth.size_hw)
    fates = CandidateFates.of(candidates, truth, won)
    order = sorted(range(len(candidates)), key=lambda q: -fates.score[q])
    for place, rank in enumerate(fates.ranks()):
        good = [number for number, q in enumerate(order, start=1) if fates.ious[place, q] > 0.5]
        assert rank == (good[0] if good else -1)


def test_no_candidates_fit_nothing() -> None:
    truth = random_map(np.random.default_rng(0))
    none = candidates_near(truth, 0).chosen([])
    assert candidate_ious(none.masks, truth).shape == (len(truth.segments), 0)
