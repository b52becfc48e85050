"""Multi-scale ReLU linear attention (Cai et al. 2023, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lexiseg.models.sam.efficientvit_sam.layers import Bottleneck, Branch, ConvLayer

DENOMINATOR_EPS = 1e-15


def relu_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention whose similarity is relu(q).relu(k), in time linear in the number of cells.

    Args:
        query: (..., dim, cells).
        key: (..., dim, cells).
        value: (..., dim, cells).

    Returns:
        (..., dim, cells) float32: per cell, the values weighted by similarity over the sum of
        the similarities. Sums of many products overflow half precision, so all is float32.
    """
    query, key, value = (part.float() for part in (query.relu(), key.relu(), value))
    # A row of ones under the values makes the same two products give the denominator.
    values = F.pad(value, (0, 0, 0, 1), value=1.0)
    sums = (values @ key.transpose(-1, -2)) @ query
    return sums[..., :-1, :] / (sums[..., -1:, :] + DENOMINATOR_EPS)


class LinearAttention(nn.Module):
    """ReLU linear attention over tokens and over tokens aggregated from their neighborhood.

    Args:
        width: channels, a multiple of `head_width`.
        head_width: channels of one head.
        neighborhood: side of the aggregating depth-wise kernel.
    """

    def __init__(self, width: int, head_width: int, neighborhood: int) -> None:
        super().__init__()
        self.head_width = head_width
        heads, tripled = width // head_width, 3 * width
        self.qkv = ConvLayer(width, tripled, norm=False, bias=False, act=False)
        gather = nn.Conv2d(
            tripled, tripled, neighborhood, 1, neighborhood // 2, groups=tripled, bias=False
        )
        # One group for the queries of each head, one for its keys and one for its values.
        mix = nn.Conv2d(tripled, tripled, 1, groups=3 * heads, bias=False)
        self.aggreg = nn.ModuleList([nn.Sequential(gather, mix)])
        self.proj = ConvLayer(2 * width, width, act=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, width, H, W) of the same shape."""
        packed = self.qkv(maps)
        scales = torch.cat([packed, *(aggregate(packed) for aggregate in self.aggreg)], dim=1)
        batch, _, height, width = scales.shape
        heads = scales.reshape(batch, -1, 3, self.head_width, height * width)
        query, key, value = heads.unbind(2)  # (B, 2 * heads, head_width, H * W) each
        attended = relu_attention(query, key, value).to(packed.dtype)
        projected: Tensor = self.proj(attended.reshape(batch, -1, height, width))
        return projected


class AttentionBlock(nn.Module):
    """Context by linear attention, then locality by a depth-wise bottleneck; both added."""

    def __init__(self, width: int, head_width: int, neighborhood: int, expansion: float) -> None:
        super().__init__()
        self.context_module = Branch(LinearAttention(width, head_width, neighborhood))
        self.local_module = Branch(Bottleneck(width, width, 1, expansion, sparse_norm=True))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, width, H, W) of the same shape."""
        answer: Tensor = self.local_module(self.context_module(maps))
        return answer
