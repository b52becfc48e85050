from __future__ import annotations

import numpy as np
import pytest

from lexiseg.analysis.oracles.case import Case
from lexiseg.analysis.oracles.combinations import SELECTIONS, Help, helped_candidates
from lexiseg.analysis.oracles.inference import Inference, Thresholds
from lexiseg.analysis.oracles.selection import assign, to_be_found
from lexiseg.metrics.panoptic_matching import match_overlaps
from tests.analysis.oracles.drawing import CLASSES, THINGS, candidates_near, random_map

THRESHOLDS = Thresholds(0.0, 0.8)


def answer(seed: int, help_given: Help) -> Case:
    truth = random_map(np.random.default_rng(seed))
    true, candidates = to_be_found(truth), candidates_near(truth, seed, blur=2)
    pairs = assign(candidates, truth, true)
    helped = helped_candidates(candidates, truth, true, pairs, help_given)
    return Case("", truth, Inference(THINGS, THRESHOLDS, THRESHOLDS)(helped, truth.size_hw))


@pytest.mark.parametrize("seed", range(10))
def test_true_masks_and_names_leave_nothing_to_be_lost(seed: int) -> None:
    case = answer(seed, SELECTIONS["selection, masks and names"])
    stuff = [s.class_index for s in case.truth.segments if not THINGS[s.class_index]]
    matches = match_overlaps(case.overlaps, case.truth.segments, case.found.segments)
    # Two true segments of one class of stuff are one segment of any answer.
    if len(set(stuff)) == len(stuff):
        assert not matches.missed and not matches.wrong
        assert (matches.ious == 1).all()


@pytest.mark.parametrize("seed", range(10))
def test_true_names_are_given_and_masks_kept(seed: int) -> None:
    case = answer(seed, Help(names=True))
    true = {s.class_index for s in case.truth.segments}
    assert {s.class_index for s in case.found.segments} <= true


@pytest.mark.parametrize("seed", range(10))
def test_without_void_no_candidate_is_thrown_away_as_void(seed: int) -> None:
    truth = random_map(np.random.default_rng(seed))
    candidates = candidates_near(truth, seed).without_void()
    assert candidates.void.max() == 0
    assert candidates.classes.sum(dim=1).numpy() == pytest.approx(1)
    assert (candidates.probabilities.argmax(dim=1) < CLASSES).all()
