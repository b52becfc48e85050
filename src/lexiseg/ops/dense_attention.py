"""Attention of a last block that keeps CLIP's patch features where they are in the image.

Each of these replaces the query-key products, which mix distant patches, by products of tokens
with themselves. Same interface as `lexiseg.ops.attention`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.ops.attention import AttentionFn


def identity(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Every token keeps its own value (MaskCLIP: Zhou et al. 2022, section 3.2)."""
    return value


def query_query(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Queries attend to queries (ClearCLIP: Lan et al. 2024, section 3)."""
    return F.scaled_dot_product_attention(query, query, value)


def value_value(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Values attend to values (CLIP Surgery: Li et al. 2023, section 3.2)."""
    return F.scaled_dot_product_attention(value, value, value)


def correlative(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Query-query plus key-key attention; rows add up to 2 (SCLIP: Wang et al. 2024, eq. 4)."""
    by_query = F.scaled_dot_product_attention(query, query, value)
    return by_query + F.scaled_dot_product_attention(key, key, value)


def neighborhood(grid_hw: tuple[int, int], sigma: float = 5.0) -> AttentionFn:
    """Key-key attention with a Gaussian bump around each patch (NACLIP: Hajimiri et al. 2025).

    Args:
        grid_hw: rows and columns of patches; the tokens are CLS, if there is one, and the patches.
        sigma: standard deviation in patches; the bump has the height 1 and is added before the
            softmax. Nothing is added for CLS.

    Returns:
        The attention function.
    """

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        bias = _gaussian_bias(grid_hw, sigma, key)
        return F.scaled_dot_product_attention(key, key, value, attn_mask=bias)

    return attend


def _gaussian_bias(grid_hw: tuple[int, int], sigma: float, like: Tensor) -> Tensor:
    """(tokens, tokens): the Gaussian is separable, so rows and columns are made apart."""
    across = []
    for side in grid_hw:
        place = torch.arange(side, device=like.device, dtype=torch.float32)
        across.append((place[:, None] - place).square() / (-2 * sigma**2))
    rows, columns = across
    exponent = rows[:, None, :, None] + columns[None, :, None, :]
    count = grid_hw[0] * grid_hw[1]
    others = like.shape[-2] - count
    bias = F.pad(exponent.exp().reshape(count, count), (others, 0, others, 0))
    return bias.to(like.dtype)
