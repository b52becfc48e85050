from __future__ import annotations

from itertools import permutations

import pytest
import torch
import torch.nn.functional as F

from lexiseg.training.mini.fc_clip.objective import (
    PointRule,
    Weights,
    at_points,
    match,
    proposal_losses,
    uncertain_points,
)
from lexiseg.training.mini.fc_clip.pictures import SegmentTruth


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quarters() -> torch.Tensor:
    """(4, 16, 16) masks, one for each quarter of a picture."""
    masks = torch.zeros(4, 16, 16)
    for number, (row, column) in enumerate([(0, 0), (0, 8), (8, 0), (8, 8)]):
        masks[number, row : row + 8, column : column + 8] = 1
    return masks


def test_values_at_points_are_bilinear() -> None:
    maps = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
    points = torch.tensor([[[0.5, 0.5], [0.25, 0.25], [0.75, 0.25]]])
    torch.testing.assert_close(at_points(maps, points), torch.tensor([[1.5, 0.0, 1.0]]))


def test_candidates_find_their_segments_whatever_their_order() -> None:
    truth = SegmentTruth(torch.tensor([0, 1, 2, 0]), quarters())
    order = torch.tensor([2, 0, 3, 1])
    masks = torch.cat([torch.full((1, 16, 16), -5.0), 10 * quarters()[order] - 5])
    rows, columns = match(torch.zeros(5, 4), masks, truth, Weights(), PointRule(256), chance())
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == {1: 2, 2: 0, 3: 3, 4: 1}


def test_the_match_has_the_least_sum_of_written_out_costs() -> None:
    torch.manual_seed(0)
    logits, masks = torch.randn(4, 5), torch.randn(4, 16, 16)
    truth = SegmentTruth(torch.tensor([1, 3, 1]), quarters()[:3])
    points = torch.rand(1, 64, 2, generator=chance(7))
    seen, true = at_points(masks, points), at_points(truth.masks, points)
    cost = torch.zeros(4, 3)
    for q in range(4):
        for g in range(3):
            pixels = F.binary_cross_entropy_with_logits(seen[q], true[g])
            share = seen[q].sigmoid()
            dice = 1 - (2 * (share * true[g]).sum() + 1) / (share.sum() + true[g].sum() + 1)
            name = logits[q].softmax(-1)[truth.labels[g]]
            cost[q, g] = -2 * name + 5 * pixels + 5 * dice
    least = min(
        permutations(range(4), 3), key=lambda own: sum(float(cost[q, g]) for g, q in enumerate(own))
    )
    rows, columns = match(logits, masks, truth, Weights(), PointRule(64), chance(7))
    pairs = set(zip(columns.tolist(), rows.tolist(), strict=True))
    assert pairs == set(enumerate(least))


def test_most_points_lie_where_masks_are_unsure() -> None:
    masks = torch.full((2, 16, 16), 9.0)
    masks[:, :, 8:] = 0.1
    points = uncertain_points(masks, PointRule(200, oversample=3, uncertain=0.75), chance())
    assert points.shape == (2, 200, 2)
    assert (points[..., 0] > 0.45).float().mean() > 0.8


def test_right_answers_cost_little_and_wrong_ones_much() -> None:
    truth = SegmentTruth(torch.tensor([0, 1]), quarters()[:2])
    masks = torch.cat([20 * quarters()[:2] - 10, torch.full((1, 16, 16), -10.0)])[None]
    names = torch.tensor([[9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0]])[None]
    right = proposal_losses([(names, masks)], [truth], chance())
    wrong = proposal_losses([(names.flip(1), -masks)], [truth], chance())
    assert set(right) == {"names", "pixels", "overlap"}
    assert all(wrong[name] > loss for name, loss in right.items())
    assert sum(map(float, wrong.values())) > 5 * sum(map(float, right.values()))


def test_losses_add_up_over_layers_and_a_picture_may_be_empty() -> None:
    torch.manual_seed(0)
    empty = SegmentTruth(torch.zeros(0, dtype=torch.long), torch.zeros(0, 16, 16))
    truth = SegmentTruth(torch.tensor([1]), quarters()[:1])
    logits, masks = torch.randn(2, 3, 4), torch.randn(2, 3, 16, 16)
    once = proposal_losses([(logits, masks)], [truth, empty], chance(), rule=PointRule(4096))
    twice = proposal_losses([(logits, masks)] * 2, [truth, empty], chance(), rule=PointRule(4096))
    for name, loss in once.items():
        assert twice[name].item() == pytest.approx(2 * loss.item(), rel=0.1)
    alone = proposal_losses([(logits[1:], masks[1:])], [empty], chance())
    assert alone["pixels"] == alone["overlap"] == 0 and alone["names"] > 0
