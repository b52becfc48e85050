from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap, CaseSegment
from lexiseg.errors import UsageError
from tests.analysis.oracles.drawing import candidates_near, random_case, random_map


@pytest.mark.parametrize("seed", range(20))
def test_overlap_is_that_of_panoptic_quality(seed: int) -> None:
    case = random_case(seed, crowd=0.3)
    for t, true in enumerate(case.truth.segments):
        for a, found in enumerate(case.found.segments):
            mask = case.truth.ids == true.id
            own = (case.found.ids == found.id) & (case.truth.ids != 0)
            union = (mask | own).sum()
            expected = 0 if true.crowd or not union else (mask & own).sum() / union
            assert case.ious[t, a] == pytest.approx(expected)


def test_a_label_map_is_one_segment_per_class() -> None:
    labels = np.array([[3, 3, 0], [0, 1, 9]])
    found = CaseMap.of_classes(labels, void=labels == 9)
    assert found.ids.tolist() == [[4, 4, 1], [1, 2, 0]]
    assert found.segments == (
        CaseSegment(1, 0, 2.0),
        CaseSegment(2, 1, 1.0),
        CaseSegment(4, 3, 2.0),
    )


@pytest.mark.parametrize("bias", [-3.0, 0.0, 2.5])
def test_a_bias_moves_the_logit_of_void_and_keeps_the_proportion_of_classes(bias: float) -> None:
    logits = torch.randn(6, 5)
    moved = logits.clone()
    moved[:, -1] += bias
    candidates = CandidateSet.from_logits(logits, torch.zeros(6, 2, 2)).with_void_bias(bias)
    torch.testing.assert_close(candidates.probabilities, moved.softmax(dim=1))


def test_a_candidate_that_is_void_and_nothing_else_is_any_class_without_void() -> None:
    sure = CandidateSet(torch.zeros(1, 2, 2), torch.zeros(1, 4), torch.ones(1))
    assert sure.without_void().classes.tolist() == [[0.25] * 4]


def test_candidates_can_be_chosen_with_their_wordings() -> None:
    truth = random_map(np.random.default_rng(0))
    few = candidates_near(truth, 0)
    named = CandidateSet(few.masks, few.classes, few.void, tuple(str(q) for q in range(len(few))))
    chosen = named.chosen([2, 0])
    assert chosen.wordings == ("2", "0") and len(chosen) == 2
    assert torch.equal(chosen.masks[0], few.masks[2])


@pytest.mark.parametrize(
    ("classes", "void"), [(torch.zeros(3, 4), torch.zeros(2)), (torch.zeros(2, 4), torch.zeros(2))]
)
def test_parts_that_do_not_fit_are_refused(classes, void) -> None:
    with pytest.raises(UsageError, match="expected|rows"):
        CandidateSet(torch.zeros(3, 2, 2), classes, void)
