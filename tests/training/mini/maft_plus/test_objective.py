"""The losses of MAFT+ against slow twins and cases whose answer is known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lexiseg.training.mini.fc_clip.pictures import SegmentTruth
from lexiseg.training.mini.maft_plus.objective import (
    compensation_loss,
    mask_aware_loss,
    soft_iou,
)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def truth_of(*masks: torch.Tensor, labels: list[int]) -> SegmentTruth:
    return SegmentTruth(torch.tensor(labels), torch.stack(masks).float())


def test_masks_that_are_sure_overlap_as_sets_do(generator) -> None:
    """The slow twin counts pixels."""
    own, true = (torch.rand(n, 6, 8, generator=generator) > 0.5 for n in (3, 2))
    found = soft_iou(torch.where(own, 30.0, -30.0), true.float())
    for q, mask in enumerate(own):
        for g, segment in enumerate(true):
            slow = (mask & segment).sum() / (mask | segment).sum()
            assert found[q, g].item() == pytest.approx(slow.item(), abs=1e-4)


def test_a_score_is_to_be_the_overlap_between_worst_and_best(generator) -> None:
    """The slow twin visits every pair; scores that are what masks deserve cost nothing."""
    masks = 3 * torch.randn(1, 4, 6, 6, generator=generator)
    true = torch.rand(2, 12, 12, generator=generator) > 0.5
    truth, logits = truth_of(*true, labels=[2, 0]), torch.randn(1, 4, 5, generator=generator)
    ious, scores = soft_iou(masks[0], truth.masks), logits[0].softmax(dim=-1)
    slow = []
    for g, label in enumerate([2, 0]):
        column = ious[:, g]
        for q in range(4):
            wanted = (column[q] - column.min()) / (column.max() - column.min())
            slow.append(F.smooth_l1_loss(scores[q, label], wanted))
    found = mask_aware_loss(logits, masks, [truth])
    torch.testing.assert_close(found, torch.stack(slow).mean(), atol=1e-5, rtol=1e-4)
    sure = masks.clone().fill_(-30)
    sure[0, 1] = torch.where(
        F.interpolate(true[None, :1].float(), (6, 6), mode="area")[0, 0] > 0, 30.0, -30.0
    )
    right = torch.full((1, 4, 5), 0.0)
    right[0, :, 4] = 40
    right[0, 1] = torch.tensor([0.0, 0, 40, 0, 0])
    assert mask_aware_loss(right, sure, [truth_of(true[0], labels=[2])]) < 1e-4


def test_masks_learn_nothing_from_scores(generator) -> None:
    masks = torch.randn(1, 3, 4, 4, generator=generator, requires_grad=True)
    logits = torch.randn(1, 3, 2, generator=generator, requires_grad=True)
    truth = truth_of(torch.ones(4, 4), labels=[1])
    torch.autograd.backward(mask_aware_loss(logits, masks, [truth]))
    assert masks.grad is None and logits.grad is not None and logits.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [(6, 6), (3, 7)])
def test_what_did_not_move_costs_nothing_and_what_moved_does(generator, size) -> None:
    kept = torch.randn(2, 5, *size, generator=generator)
    assert compensation_loss(kept, kept) == 0
    small, large = (compensation_loss(kept.relu() + shift, kept) for shift in (0.1, 0.2))
    assert 0 < small < large
    # A shift of all cells moves every mean by it; smooth L1 is half its square.
    torch.testing.assert_close(small, torch.tensor(0.005), atol=1e-5, rtol=1e-3)
