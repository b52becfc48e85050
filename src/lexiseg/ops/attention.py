"""Attention functions that a caller can put into any block of a transformer.

Every function takes query, key and value of shape (B, heads, tokens, head_dim), unscaled, and
returns the mixed values in the same shape; scaling by head_dim ** -0.5 belongs to the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.errors import UsageError

AttentionFn: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]


def plain(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention among all tokens, fused (Vaswani et al. 2017, eq. 1)."""
    return F.scaled_dot_product_attention(query, key, value)


def causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention of every token to itself and the tokens before it, fused."""
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def masked(bias: Tensor) -> AttentionFn:
    """Make an attention function that adds a bias to the scaled products before the softmax.

    Args:
        bias: anything that broadcasts to (B, heads, tokens, tokens): float, where -inf removes a
            pair, or bool, where False does.

    Returns:
        The attention function; it stays fused.

    Example:
        >>> import torch
        >>> q = k = v = torch.randn(1, 2, 3, 4)
        >>> blind = masked(torch.tensor([[True, True, False]]))  # nobody reads the last token
        >>> blind(q, k, v).shape
        torch.Size([1, 2, 3, 4])
    """

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mask = bias if bias.dtype == torch.bool else bias.to(query.dtype)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)

    return attend


def attention_weights(query: Tensor, key: Tensor) -> Tensor:
    """Softmax over keys of the scaled query-key products, in float32.

    Args:
        query: (..., tokens, head_dim).
        key: same shape.

    Returns:
        (..., tokens, tokens), rows sum to 1.
    """
    scale = query.shape[-1] ** -0.5
    return torch.softmax((query * scale) @ key.transpose(-1, -2), dim=-1, dtype=torch.float32)


class AttentionMean:
    """Plain attention that also sums its head-averaged weights over all the blocks it serves.

    One (B, tokens, tokens) float32 buffer is kept, whatever the number of heads and blocks. It is
    meant for frozen networks; gradients do not flow into it.

    Example:
        >>> import torch
        >>> record = AttentionMean()
        >>> q = k = v = torch.randn(1, 2, 3, 4)
        >>> out = record(q, k, v)
        >>> record.mean.sum(-1).round()
        tensor([[1., 1., 1.]])
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.blocks = 0

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend plainly and add the head mean of the weights to the sum."""
        heads = query.shape[1]
        if self.total is None:
            tokens = query.shape[2], key.shape[2]
            self.total = query.new_zeros(len(query), *tokens, dtype=torch.float32)
        mixed = torch.empty_like(value)
        for head in range(heads):  # one head's weights at a time: they are the largest array
            weights = attention_weights(query[:, head], key[:, head])
            self.total.add_(weights.detach(), alpha=1 / heads)
            mixed[:, head] = weights.to(value.dtype) @ value[:, head]
        self.blocks += 1
        return mixed

    @property
    def mean(self) -> Tensor:
        """Mean weights over heads and recorded blocks, (B, tokens, tokens) float32."""
        if self.total is None:
            raise UsageError("No attention was recorded yet: run a block with this function first.")
        return self.total / self.blocks
