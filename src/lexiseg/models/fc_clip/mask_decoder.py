"""FC-CLIP's mask decoder: masked attention, and class embeddings in place of a classifier.

Cheng et al. 2022, section 3.2; Yu et al. 2023, section 3.3. Module names are those of published
checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.fc_clip.config import LEVELS, HeadConfig
from lexiseg.models.fc_clip.pixel_decoder import PixelFeatures
from lexiseg.ops.mask_pooling import pool_masks, resize_masks
from lexiseg.ops.sine_positions import sine_positions


@dataclass(frozen=True)
class Decoded:
    """Candidates of a batch.

    Attributes:
        masks: (B, Q, H / 4, W / 4) logits, positive inside.
        embeddings: (B, Q, E), to be compared with text features; not normalized.
    """

    masks: Tensor
    embeddings: Tensor


class PackedAttention(nn.Module):
    """Multi-head attention with the parameters of torch's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None = None
    ) -> Tensor:
        """Let (B, Q, D) look at (B, n, D), where `hidden` (B, Q, n) is false."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        asked, keys, values = (
            self._split(F.linear(tokens, weight, bias))
            for tokens, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        mask = None if hidden is None else ~hidden[:, None]
        mixed = F.scaled_dot_product_attention(asked, keys, values, attn_mask=mask)
        return cast(Tensor, self.out_proj(mixed.transpose(1, 2).flatten(2)))

    def _split(self, tokens: Tensor) -> Tensor:
        """(B, n, D) to (B, heads, n, D / heads)."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class CrossAttentionLayer(nn.Module):
    """Queries look at one scale of the picture."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.multihead_attn = PackedAttention(config.width, config.decoder_heads)
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self, queries: Tensor, places: Tensor, keys: Tensor, values: Tensor, hidden: Tensor
    ) -> Tensor:
        """Refine (B, Q, D) with positions (Q, D) by (B, n, D), where `hidden` is false."""
        seen = self.multihead_attn(queries + places, keys, values, hidden)
        return cast(Tensor, self.norm(queries + seen))


class SelfAttentionLayer(nn.Module):
    """Queries look at each other."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.self_attn = PackedAttention(config.width, config.decoder_heads)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, queries: Tensor, places: Tensor) -> Tensor:
        """Refine (B, Q, D) with positions (Q, D)."""
        placed = queries + places
        return cast(Tensor, self.norm(queries + self.self_attn(placed, placed, queries)))


class FeedForwardLayer(nn.Module):
    """Two linear layers with ReLU between."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.linear1 = nn.Linear(config.width, config.decoder_hidden)
        self.linear2 = nn.Linear(config.decoder_hidden, config.width)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, queries: Tensor) -> Tensor:
        """Refine (B, Q, D)."""
        return cast(Tensor, self.norm(queries + self.linear2(F.relu(self.linear1(queries)))))


class ThreeLayers(nn.Module):
    """Linear layers with ReLU between, the last into another width."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, size) for size in (width, width, out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., out)."""
        first, second, third = self.layers
        return cast(Tensor, third(F.relu(second(F.relu(first(x))))))


class MaskDecoder(nn.Module):
    """Queries become masks with embeddings.

    Args:
        config: sizes.

    Example:
        >>> config = HeadConfig(width=32, embed_dim=20, queries=5, decoder_layers=2)
        >>> scales = tuple(torch.zeros(1, 32, 2 * k, 3 * k) for k in (1, 2, 4))
        >>> decoded = MaskDecoder(config)(PixelFeatures(torch.zeros(1, 32, 16, 24), scales))
        >>> decoded.masks.shape, decoded.embeddings.shape
        (torch.Size([1, 5, 16, 24]), torch.Size([1, 5, 20]))
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        width, depth = config.width, config.decoder_layers
        self.query_feat = nn.Embedding(config.queries, width)
        self.query_embed = nn.Embedding(config.queries, width)
        self.level_embed = nn.Embedding(LEVELS, width)
        self.transformer_cross_attention_layers = nn.ModuleList(
            CrossAttentionLayer(config) for _ in range(depth)
        )
        self.transformer_self_attention_layers = nn.ModuleList(
            SelfAttentionLayer(config) for _ in range(depth)
        )
        self.transformer_ffn_layers = nn.ModuleList(FeedForwardLayer(config) for _ in range(depth))
        self.decoder_norm = nn.LayerNorm(width)
        self.mask_embed = ThreeLayers(width, width)
        self._mask_pooling_proj = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
        self.class_embed = ThreeLayers(width, config.embed_dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, features: PixelFeatures) -> Decoded:
        """Candidates after the last layer."""
        *_, (queries, masks) = self.steps(features)
        return Decoded(masks, self.embed(queries, masks, features.mask))

    def steps(self, features: PixelFeatures) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalized queries (B, Q, D) and their mask logits, before and after every layer.

        What comes before the last pair is what training supervises as well.
        """
        scales, levels = features.scales, self.level_embed.weight
        values = [_cells(scale) + level for scale, level in zip(scales, levels, strict=True)]
        keys = [v + _cells(sine_positions(s)) for v, s in zip(values, scales, strict=True)]
        queries = self.query_feat.weight.expand(len(features.mask), -1, -1)
        for number, layers in enumerate(self._layers):
            normed, masks = self._predict(queries, features.mask)
            yield normed, masks
            scale = number % LEVELS
            hidden = hidden_cells(masks, (scales[scale].shape[2], scales[scale].shape[3]))
            queries = self._refine(queries, layers, keys[scale], values[scale], hidden)
        yield self._predict(queries, features.mask)

    def embed(self, queries: Tensor, masks: Tensor, mask_features: Tensor) -> Tensor:
        """Class embeddings (B, Q, E) of queries and of what their masks cover."""
        covered = self._mask_pooling_proj(pool_masks(mask_features, masks))
        return cast(Tensor, self.class_embed(covered + queries))

    @property
    def _layers(self) -> Iterator[tuple[nn.Module, nn.Module, nn.Module]]:
        return zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )

    def _predict(self, queries: Tensor, mask_features: Tensor) -> tuple[Tensor, Tensor]:
        normed = self.decoder_norm(queries)
        return normed, torch.einsum("bqc,bchw->bqhw", self.mask_embed(normed), mask_features)

    def _refine(
        self,
        queries: Tensor,
        layers: tuple[nn.Module, nn.Module, nn.Module],
        keys: Tensor,
        values: Tensor,
        hidden: Tensor,
    ) -> Tensor:
        cross, own, think = layers
        places = self.query_embed.weight
        return cast(Tensor, think(own(cross(queries, places, keys, values, hidden), places)))


def _cells(maps: Tensor) -> Tensor:
    """(B, D, h, w) as (B, h * w, D)."""
    return maps.flatten(2).transpose(1, 2)


def hidden_cells(masks: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Which cells a query does not look at: those outside its mask, unless all are.

    Args:
        masks: (B, Q, H, W) logits.
        size_hw: of the grid that is looked at.

    Returns:
        (B, Q, h * w) bool.
    """
    outside = resize_masks(masks.detach(), size_hw).flatten(2).sigmoid() < 0.5
    return outside & ~outside.all(dim=-1, keepdim=True)
