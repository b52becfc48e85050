"""Losses against sums written pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.mask_losses import dice_cost, dice_loss, focal_cost, focal_loss

shapes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**31))
alphas, gammas = st.floats(0.05, 0.95), st.sampled_from([0.0, 1.0, 2.0, 3.5])


def pixel_focal(logit: float, inside: bool, alpha: float, gamma: float) -> float:
    chance = 1 / (1 + math.exp(-logit))
    if inside:
        return -alpha * (1 - chance) ** gamma * math.log(chance)
    return -(1 - alpha) * chance**gamma * math.log(1 - chance)


def drawn(queries: int, objects: int, pixels: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(queries, pixels, generator=generator, dtype=torch.float64)
    truth = torch.rand(objects, pixels, generator=generator, dtype=torch.float64) < 0.4
    return logits.clamp(-12, 12), truth.double()


@settings(max_examples=40, deadline=None)
@given(shapes, alphas, gammas)
def test_every_pair_costs_the_mean_over_its_pixels(shape, alpha, gamma) -> None:
    logits, truth = drawn(*shape)
    cost = focal_cost(logits, truth, alpha, gamma)
    for q, row in enumerate(logits.tolist()):
        for g, mask in enumerate(truth.tolist()):
            pairs = zip(row, mask, strict=True)
            mean = sum(pixel_focal(x, bool(t), alpha, gamma) for x, t in pairs) / len(row)
            assert cost[q, g].item() == pytest.approx(mean, rel=1e-9, abs=1e-12)
            one = focal_loss(logits[q : q + 1], truth[g : g + 1], alpha, gamma)
            assert one.item() == pytest.approx(mean, rel=1e-9, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(shapes, st.floats(0.1, 3))
def test_dice_of_every_pair(shape, smooth) -> None:
    logits, truth = drawn(*shape)
    cost = dice_cost(logits, truth, smooth)
    for q, row in enumerate(logits.tolist()):
        chances = [1 / (1 + math.exp(-x)) for x in row]
        for g, mask in enumerate(truth.tolist()):
            both = sum(c * t for c, t in zip(chances, mask, strict=True))
            expected = 1 - (2 * both + smooth) / (sum(chances) + sum(mask) + smooth)
            assert cost[q, g].item() == pytest.approx(expected, abs=1e-12)
            one = dice_loss(logits[q : q + 1], truth[g : g + 1], smooth)
            assert one.item() == pytest.approx(expected, abs=1e-12)


def test_masks_of_any_shape_have_one_loss_each() -> None:
    logits, truth = torch.randn(3, 4, 5), torch.rand(3, 4, 5).round()
    for loss in (focal_loss, dice_loss):
        torch.testing.assert_close(loss(logits, truth), loss(logits.flatten(1), truth.flatten(1)))


def test_sure_logits_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    wrong = torch.tensor([[0.0, 1.0]])
    cost, loss = focal_cost(logits, wrong), focal_loss(logits, wrong)
    assert torch.isfinite(cost).all() and torch.isfinite(loss).all()
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()
