"""Scores, their gradients and the maps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexiseg.ops.cam import class_activation_map, joint_cotangents, min_max, separate_cotangents


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


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=9))
def test_min_max_reaches_both_ends_or_is_zero(values: list[float]) -> None:
    scaled = min_max(torch.tensor([values]))
    assert scaled.min() == 0
    spread = max(values) - min(values)
    if spread > 1e-6:
        assert scaled.max() == pytest.approx(1, abs=1e-6)
    elif not spread:
        assert not scaled.any()
