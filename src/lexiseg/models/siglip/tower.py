"""SigLIP's image tower (Zhai et al. 2023), entered and left at any block as CLIP's is.

There is no CLS token: a learned probe attends to the patches after the last block, and a small
network follows. With a single token to attend to, that head is a function of the token alone: its
value and output projections and the network. This is what puts a patch into the texts' space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.clip import PositionTable
from lexiseg.models.clip.vision import require_patch
from lexiseg.ops.attention import AttentionFn, plain

if TYPE_CHECKING:
    from transformers.models.siglip.modeling_siglip import SiglipVisionModel

BICUBIC = PositionTable("bicubic")
BILINEAR = PositionTable("bilinear")


@dataclass(frozen=True)
class PooledConfig:
    """Sizes that others ask for.

    Attributes:
        image_size: native side in pixels.
        patch_size: pixels.
        embed_dim: of the shared space.
    """

    image_size: int
    patch_size: int
    embed_dim: int


class SiglipAttention(Protocol):
    """What is used of transformers' attention."""

    num_heads: int
    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear
    out_proj: nn.Linear


class SiglipLayer(Protocol):
    """What is used of transformers' layer."""

    layer_norm1: nn.LayerNorm
    layer_norm2: nn.LayerNorm
    mlp: nn.Module
    self_attn: SiglipAttention


class SiglipBlock:
    """A layer of transformers' network, in the parts that a changed attention needs.

    Args:
        layer: holds the weights.
    """

    def __init__(self, layer: SiglipLayer) -> None:
        self.ln_1, self.ln_2 = layer.layer_norm1, layer.layer_norm2
        self.mlp, self._attention = layer.mlp, layer.self_attn

    def qkv(self, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value (B, heads, tokens, head_dim), unscaled, of ln_1's output."""
        own = self._attention
        query, key, value = (
            torch.unflatten(project(normed), -1, (own.num_heads, -1)).transpose(1, 2)
            for project in (own.q_proj, own.k_proj, own.v_proj)
        )
        return query, key, value

    def merge_heads(self, mixed: Tensor) -> Tensor:
        """Join what the heads mixed into (B, tokens, D)."""
        return cast(Tensor, self._attention.out_proj(mixed.transpose(1, 2).flatten(2)))

    def __call__(self, x: Tensor, attention: AttentionFn | None = None) -> Tensor:
        """Pass tokens (B, tokens, D) through both residual branches."""
        x = x + self.merge_heads((attention or plain)(*self.qkv(self.ln_1(x))))
        return x + cast(Tensor, self.mlp(self.ln_2(x)))


class PooledTower:
    """A SigLIP vision transformer for images of any size.

    Args:
        network: transformers' vision model of "siglip", or of "siglip2", whose checkpoints for
            flexible sizes ("naflex") differ in how patches are read and positions fitted.
    """

    def __init__(self, network: SiglipVisionModel) -> None:
        self.network = network
        config, embeddings = network.config, network.embeddings
        self.blocks = [SiglipBlock(cast(SiglipLayer, layer)) for layer in network.encoder.layers]
        self._table: Tensor = embeddings.position_embedding.weight
        self.native = round(len(self._table) ** 0.5)
        patch, width = cast(int, config.patch_size), int(config.hidden_size)
        self.config = PooledConfig(self.native * patch, patch, width)
        weight, self._bias = embeddings.patch_embedding.weight, embeddings.patch_embedding.bias
        self.position = BICUBIC
        if weight.ndim == 2:  # patches as rows of row, column and color
            weight = weight.view(width, patch, patch, -1).permute(0, 3, 1, 2)
            self.position = BILINEAR
        self._weight: Tensor = weight

    def embed(self, pixels: Tensor, position: PositionTable | None = None) -> Tensor:
        """Input tokens (B, rows * columns, D) of normalized pixels (B, 3, H, W).

        Args:
            pixels: what exceeds a multiple of the patch size is not seen.
            position: how to fit the position table; None takes the tower's own way.
        """
        height, width = pixels.shape[-2:]
        patch = self.config.patch_size
        require_patch(height, width, patch)
        grid = F.conv2d(pixels.to(self._weight.dtype), self._weight, self._bias, stride=patch)
        table = F.pad(self._table, (0, 0, 1, 0))  # where CLIP's table has the row of CLS
        sides = (grid.shape[2], grid.shape[3])
        fitted = (position or self.position).resize(table, self.native, sides)
        return grid.flatten(2).transpose(1, 2) + fitted[1:].to(grid.dtype)

    def run(self, tokens: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Pass (B, n, D) tokens through blocks[start:stop]."""
        for block in self.blocks[start:stop]:
            tokens = block(tokens)
        return tokens

    def project(self, tokens: Tensor) -> Tensor:
        """What the head makes of each token (..., D) alone, (..., E)."""
        head = self.network.head
        normed = self.network.post_layernorm(tokens)
        width = normed.shape[-1]
        weight, bias = head.attention.in_proj_weight, head.attention.in_proj_bias
        value = F.linear(normed, weight[2 * width :], bias[2 * width :])
        alone = head.attention.out_proj(value)
        return cast(Tensor, alone + head.mlp(head.layernorm(alone)))

    def pool(self, tokens: Tensor) -> Tensor:
        """Image features (B, E) of all tokens (B, n, D) behind the last block."""
        return cast(Tensor, self.network.head(self.network.post_layernorm(tokens)))

    def __call__(self, pixels: Tensor) -> Tensor:
        """Image features (B, E) of normalized pixels (B, 3, H, W), not normalized."""
        return self.pool(self.run(self.embed(pixels)))
