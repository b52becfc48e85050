"""CLIP's text tower: a causal transformer read at the end-of-text token.

Radford et al. 2021, section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lexiseg.models.clip.transformer import Transformer
from lexiseg.ops.attention import causal


@dataclass(frozen=True)
class TextConfig:
    """Sizes of a text tower; the defaults are those of ViT-B."""

    width: int = 512
    layers: int = 12
    heads: int = 8
    context: int = 77
    vocabulary: int = 49408
    embed_dim: int = 512
    mlp_ratio: float = 4.0
    activation: str = "quick_gelu"
    eps: float = 1e-5
    end_id: int | None = None  # end-of-text token; None: the largest id of each row (OpenAI)

    @property
    def hidden(self) -> int:
        """Width inside the MLP."""
        return round(self.width * self.mlp_ratio)


class TextTower(nn.Module):
    """A CLIP text transformer."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.token_embedding = nn.Embedding(config.vocabulary, width)
        self.positional_embedding = nn.Parameter(
            torch.empty(config.context, width).normal_(std=0.01)
        )
        self.transformer = Transformer(
            config.layers, width, config.heads, config.hidden, config.activation, config.eps
        )
        self.ln_final = nn.LayerNorm(width, eps=config.eps)
        self.text_projection = nn.Parameter(
            torch.empty(width, config.embed_dim).normal_(std=width**-0.5)
        )
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def end_positions(self, ids: Tensor) -> Tensor:
        """Index of the end-of-text token in each row of ids (N, context), as (N,) int64."""
        if self.config.end_id is None:
            return ids.argmax(dim=-1)
        return (ids == self.config.end_id).int().argmax(dim=-1)

    def forward(self, ids: Tensor) -> Tensor:
        """Text features.

        Only the end-of-text token is read and no token sees later ones, so everything after the
        last end-of-text of the batch is cut before the blocks; the result is the same.

        Args:
            ids: (N, context or shorter) int64 token ids.

        Returns:
            (N, E) in the tower's dtype, not normalised.
        """
        ends = self.end_positions(ids)
        length = int(ends.max()) + 1 if len(ids) else 1
        x = self.token_embedding(ids[:, :length]) + self.positional_embedding[:length]
        x = self.transformer.run(x, attention=causal)
        x = x[torch.arange(len(ids), device=ids.device), ends]
        return cast(Tensor, self.ln_final(x)) @ self.text_projection
