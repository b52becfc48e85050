"""Scores, their gradients and the maps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexiseg.ops.cam import (
    class_activation_map,
    grad_cam_plus_plus,
    joint_cotangents,
    layer_cam,
    min_max,
    separate_cotangents,
)


def test_separate_competition_is_one_softmax_per_query() -> None:
    torch.manual_seed(0)
    logits, gradients = torch.randn(5), torch.randn(5, 3)
    together = separate_cotangents(logits, gradients, 2)
    for query in range(2):
        rows = [query, 2, 3, 4]
        alone = joint_cotangents(logits[rows], gradients[rows], 1)
        torch.testing.assert_close(together[query : query + 1], alone)


def test_without_rivals_there_is_no_gradient() -> None:
    logits, gradients = torch.tensor([3.0]), torch.randn(1, 4)
    assert not joint_cotangents(logits, gradients, 1).any()
    assert not separate_cotangents(logits, gradients, 1).any()


def test_map_is_the_normalized_positive_part() -> None:
    activation = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    weights = torch.tensor([[1.0, -1.0], [-1.0, -1.0]])
    expected = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(class_activation_map(weights, activation), expected)


def test_grad_cam_plus_plus_equals_its_formula_cell_by_cell() -> None:
    torch.manual_seed(1)
    activation, gradients = torch.randn(6, 4), torch.randn(3, 6, 4)
    gradients[0, 2] = 0  # where the formula divides zero by zero, a patch has no weight
    expected = torch.zeros(3, 6)
    for score in range(3):
        for channel in range(4):
            total = float(sum(activation[patch, channel] for patch in range(6)))
            weight = 0.0
            for patch in range(6):
                g = float(gradients[score, patch, channel])
                below = 2 * g**2 + total * g**3
                weight += (g**2 / below if below else 0.0) * max(g, 0.0)
            expected[score] += weight * activation[:, channel]
    torch.testing.assert_close(
        grad_cam_plus_plus(gradients, activation), min_max(expected.clamp(min=0))
    )


def test_layer_cam_equals_its_formula_cell_by_cell() -> None:
    torch.manual_seed(2)
    activation, gradients = torch.randn(5, 3), torch.randn(2, 5, 3)
    expected = torch.zeros(2, 5)
    for score in range(2):
        for patch in range(5):
            expected[score, patch] = sum(
                max(float(gradients[score, patch, c]), 0.0) * float(activation[patch, c])
                for c in range(3)
            )
    torch.testing.assert_close(layer_cam(gradients, activation), min_max(expected.clamp(min=0)))


@pytest.mark.parametrize("maps", [grad_cam_plus_plus, layer_cam])
def test_no_scores_give_no_maps(maps) -> None:
    assert maps([], torch.randn(5, 3)).shape == (0, 5)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=9))
def test_min_max_reaches_both_ends_or_is_zero(values: list[float]) -> None:
    scaled = min_max(torch.tensor([values]))
    assert scaled.min() == 0
    spread = max(values) - min(values)
    if spread > 1e-6:
        assert scaled.max() == pytest.approx(1, abs=1e-6)
    elif not spread:
        assert not scaled.any()
