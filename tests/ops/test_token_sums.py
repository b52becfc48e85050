from __future__ import annotations

import torch
from torch import nn

from lexiseg.ops.token_sums import TokenSums


def test_parts_project_to_what_the_whole_does() -> None:
    torch.manual_seed(0)
    sums = TokenSums(torch.randn(5, 8).double(), torch.randn(3, 8).double())
    linear = nn.Linear(8, 4).double()
    for i in range(5):
        for j in range(3):
            token = sums.own[i] + sums.common[j]
            torch.testing.assert_close(sums.whole()[i, j], token)
            torch.testing.assert_close(sums.projected(linear)[i, j], linear(token))


def test_some_sets_keep_all_their_tokens() -> None:
    sums = TokenSums(torch.randn(5, 8), torch.randn(3, 8))
    assert len(sums) == 5 and len(sums[1:3]) == 2
    assert torch.equal(sums[1:3].whole(), sums.whole()[1:3])
    assert sums.to(torch.bfloat16).whole().dtype == torch.bfloat16
