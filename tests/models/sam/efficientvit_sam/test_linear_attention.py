from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lexiseg.models.sam.efficientvit_sam.linear_attention import LinearAttention, relu_attention
from tests.models.published_layout import randomize


def attend_slowly(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Cell by cell: the mean of all values, weighted by relu(q).relu(k)."""
    dim, cells = query.shape
    answer = torch.zeros(dim, cells)
    for i in range(cells):
        weights = [float(query[:, i].relu() @ key[:, j].relu()) for j in range(cells)]
        total = sum(weights)
        for j in range(cells):
            answer[:, i] += value[:, j] * weights[j] / total if total else 0
    return answer


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(0, 1000))
def test_linear_form_equals_weighted_means(dim, cells, seed):
    query, key, value = torch.randn(3, dim, cells, generator=torch.Generator().manual_seed(seed))
    wanted = attend_slowly(query, key, value)
    torch.testing.assert_close(relu_attention(query, key, value), wanted, atol=1e-5, rtol=1e-4)


def test_sums_that_overflow_half_precision_are_right():
    ones = torch.full((1, 4, 4096), 30.0, dtype=torch.float16)
    answer = relu_attention(ones, ones, ones)
    assert answer.dtype == torch.float32
    assert torch.equal(answer, torch.full((1, 4, 4096), 30.0))


@torch.no_grad()
def test_module_equals_a_loop_over_scales_and_heads():
    module = randomize(LinearAttention(8, 4, 3))
    maps = torch.randn(1, 8, 3, 5, generator=torch.Generator().manual_seed(3))
    packed = F.conv2d(maps, module.qkv.conv.weight)
    gathered = F.conv2d(packed, module.aggreg[0][0].weight, padding=1, groups=24)
    mixed = torch.cat(
        [
            F.conv2d(gathered[:, 4 * group : 4 * group + 4],
                     module.aggreg[0][1].weight[4 * group : 4 * group + 4])
            for group in range(6)
        ],
        dim=1,
    )  # fmt: skip
    heads = []
    for scale in (packed, mixed):
        for head in range(2):
            query, key, value = scale[0, 12 * head : 12 * head + 12].flatten(1).split(4)
            heads.append(attend_slowly(query, key, value))
    joined = torch.cat(heads).reshape(1, 16, 3, 5)
    wanted = module.proj.norm(F.conv2d(joined, module.proj.conv.weight))
    torch.testing.assert_close(module(maps), wanted, atol=1e-5, rtol=1e-4)
