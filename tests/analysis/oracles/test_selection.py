from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from lexiseg.analysis.oracles.case import CaseMap, CaseSegment
from lexiseg.analysis.oracles.selection import AssignmentCost, assign, to_be_found
from lexiseg.ops.mask_cost import mask_costs
from tests.analysis.oracles.drawing import candidates_near, random_map


@pytest.mark.parametrize("seed", range(6))
def test_no_other_assignment_costs_less(seed: int) -> None:
    truth = random_map(np.random.default_rng(seed), cells=3)
    true, candidates = to_be_found(truth), candidates_near(truth, seed, spare=2, blur=3)
    pairs = assign(candidates, truth, true)
    entropy, dice = mask_costs(candidates.masks, torch.from_numpy(truth.masks(true)))
    cost = (5 * entropy + 5 * dice).numpy()
    best = min(
        sum(cost[q, g] for g, q in enumerate(chosen))
        for chosen in permutations(range(len(candidates)), len(true))
    )
    assert cost[pairs.candidates, pairs.segments].sum() == pytest.approx(best)


def test_surplus_segments_stay_without_a_candidate() -> None:
    truth = random_map(np.random.default_rng(1), cells=6)
    true = to_be_found(truth)
    pairs = assign(candidates_near(truth, 1).chosen([0, 1]), truth, true)
    assert len(pairs.candidates) == 2 < len(true)


def test_crowds_and_hidden_segments_are_not_to_be_found() -> None:
    segments = (CaseSegment(1, 0), CaseSegment(2, 0, crowd=True), CaseSegment(3, 1))
    assert to_be_found(CaseMap(np.array([[1, 2, 0]]), segments)) == [segments[0]]


def test_random_points_agree_with_all_pixels_where_candidates_fit_and_depend_on_the_seed_only() -> (
    None
):
    truth = random_map(np.random.default_rng(2), size_hw=(40, 40), cells=4, void=0)
    true, candidates = to_be_found(truth), candidates_near(truth, 2, blur=0.1)
    exact = assign(candidates, truth, true)
    points = AssignmentCost(points=2000, seed=3)
    first, second = (assign(candidates, truth, true, points) for _ in range(2))
    np.testing.assert_array_equal(first.candidates, exact.candidates)
    np.testing.assert_array_equal(first.candidates, second.candidates)
    np.testing.assert_array_equal(first.segments, exact.segments)
