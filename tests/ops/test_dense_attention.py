from __future__ import annotations

import math

import pytest
import torch

from lexiseg.ops.dense_attention import (
    correlative,
    identity,
    neighborhood,
    query_query,
    value_value,
)

GRID = (2, 3)


@pytest.fixture
def heads() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(2, 2, 7, 4, generator=generator) for _ in range(3)]
    return drawn[0], drawn[1], drawn[2]


def mixed(first, value, bias=0.0):
    weights = torch.softmax(first @ first.mT / math.sqrt(first.shape[-1]) + bias, dim=-1)
    return weights @ value


def test_self_products(heads) -> None:
    query, key, value = heads
    torch.testing.assert_close(query_query(*heads), mixed(query, value))
    torch.testing.assert_close(value_value(*heads), mixed(value, value))
    torch.testing.assert_close(correlative(*heads), mixed(query, value) + mixed(key, value))
    assert identity(*heads) is value


def test_neighborhood_adds_a_bump_to_patches_only(heads) -> None:
    _, key, value = heads
    bias = torch.zeros(7, 7)
    for i in range(6):
        for j in range(6):
            distance = (i // 3 - j // 3) ** 2 + (i % 3 - j % 3) ** 2
            bias[i + 1, j + 1] = math.exp(-distance / (2 * 1.5**2))
    torch.testing.assert_close(neighborhood(GRID, 1.5)(*heads), mixed(key, value, bias))
