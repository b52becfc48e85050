from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lexiseg.models.sam.mobile_sam.window_attention import (
    WindowAttention,
    join_windows,
    split_windows,
)
from tests.models.published_layout import randomize


def attend_slowly(attention: WindowAttention, tokens: Tensor) -> Tensor:
    """One window, one head and one cell at a time; offsets numbered as they first appear."""
    window, heads = attention.window, attention.heads
    cells = [(row, column) for row in range(window) for column in range(window)]
    numbers: dict[tuple[int, int], int] = {}
    for one in cells:
        for other in cells:
            offset = (abs(one[0] - other[0]), abs(one[1] - other[1]))
            numbers.setdefault(offset, len(numbers))
    answers = []
    for cell_features in attention.norm(tokens):
        packed = attention.qkv(cell_features)
        size = packed.shape[1] // heads // 3
        joined = torch.zeros_like(cell_features)
        for head in range(heads):
            own = packed[:, head * 3 * size : (head + 1) * 3 * size]
            query, key, value = own.split(size, dim=1)
            for i, one in enumerate(cells):
                logits = torch.stack([query[i] @ key[j] for j in range(len(cells))]) / size**0.5
                for j, other in enumerate(cells):
                    offset = (abs(one[0] - other[0]), abs(one[1] - other[1]))
                    logits[j] += attention.attention_biases[head, numbers[offset]]
                joined[i, head * size : (head + 1) * size] = logits.softmax(0) @ value
        answers.append(attention.proj(joined))
    return torch.stack(answers)


@torch.no_grad()
def test_attention_equals_a_loop_over_windows_heads_and_cells():
    attention = randomize(WindowAttention(8, 2, 3))
    tokens = torch.randn(4, 9, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(attention(tokens), attend_slowly(attention, tokens))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_windows_are_cut_row_by_row_and_joined_again(height, width, window):
    maps = torch.arange(1.0, 2 * height * width + 1).reshape(2, height, width, 1)
    tokens, (padded_height, padded_width) = split_windows(maps, window)
    assert padded_height % window == padded_width % window == 0
    assert tokens.shape == (2 * padded_height * padded_width // window**2, window**2, 1)
    first = torch.zeros(window, window)
    part = maps[0, :window, :window, 0]
    first[: part.shape[0], : part.shape[1]] = part
    assert torch.equal(tokens[0, :, 0], first.flatten())
    assert torch.equal(join_windows(tokens, (padded_height, padded_width), (height, width)), maps)
