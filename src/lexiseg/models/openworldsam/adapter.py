"""The adapter: projector, positional tie-breakers and the soft-prompt stack.

One vector for a prompt becomes K queries; they look at each other and at the picture, and become
tokens that SAM 2's mask decoder answers. Module names are those of the published checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.openworldsam.config import AdapterConfig, Layout, Scope
from lexiseg.ops.token_sums import TokenSums


@dataclass(frozen=True)
class Queries:
    """What the adapter makes of P prompts.

    Attributes:
        projected: (P, K, d) prompts in the decoder's space plus their tie-breakers.
        soft: (P, K, d) the same after the soft-prompt stack.
    """

    projected: Tensor
    soft: Tensor

    def tokens(self, layout: Layout, scope: Scope) -> Tensor:
        """Sparse tokens for the mask decoder, one set for each of the P * K queries.

        Args:
            layout: "one_token": query plus its own soft prompt, as the paper says. "released":
                the authors' code adds tensors of shapes (N, 1, d) and (N, d), so that query i
                comes with N tokens, token j being query i plus soft prompt j; the published
                weights were made this way.
            scope: which queries are added up in the released layout: all N = P * K, or the K of
                the own prompt.

        Returns:
            (P * K, T, d); T is 1, P * K or K. The first axis runs through prompts, then queries.
        """
        if layout == "one_token":
            return (self.projected + self.soft).flatten(0, 1)[:, None]
        if scope == "joint":
            return self.sums().whole()
        return (self.projected[:, :, None] + self.soft[:, None]).flatten(0, 1)

    def sums(self) -> TokenSums:
        """`tokens` of the released layout and joint scope, before anything is added up."""
        return TokenSums(self.projected.flatten(0, 1), self.soft.flatten(0, 1))


class Attention(nn.Module):
    """Multi-head attention with the parameters of torch's, whose keys may be shared by a batch."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * config.width, config.width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * config.width))
        self.out_proj = nn.Linear(config.width, config.width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, asking: Tensor, seen: Tensor) -> Tensor:
        """Let tokens (B, L, d) look at others (B or 1, S, d), which are projected once."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, key, value = (
            self._split(F.linear(tokens, weight, bias))
            for tokens, weight, bias in zip((asking, seen, seen), weights, biases, strict=True)
        )
        if len(key) != len(query):
            key, value = (part.expand(len(query), -1, -1, -1) for part in (key, value))
        drop = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=drop)
        projected: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return projected

    def _split(self, tokens: Tensor) -> Tensor:
        """(B, L, d) to (B, heads, L, d / heads)."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class SoftPromptLayer(nn.Module):
    """Queries look at each other, then at the picture, then think for themselves."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.self_attn_norm = nn.LayerNorm(config.width)
        self.self_attn = Attention(config)
        self.cross_attn_norm = nn.LayerNorm(config.width)
        self.cross_attn = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.width),
            nn.Dropout(config.dropout),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, queries: Tensor, picture: Tensor) -> Tensor:
        """Refine queries (B, L, d) by each other and by a picture (1, S, d)."""
        normed = self.self_attn_norm(queries)
        queries = queries + self.dropout(self.self_attn(normed, normed))
        queries = queries + self.dropout(self.cross_attn(self.cross_attn_norm(queries), picture))
        refined: Tensor = queries + self.mlp(self.mlp_norm(queries))
        return refined


class SoftPromptStack(nn.Module):
    """The layers, one after the other."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([SoftPromptLayer(config) for _ in range(config.layers)])

    def forward(self, queries: Tensor, picture: Tensor) -> Tensor:
        """See `SoftPromptLayer.forward`."""
        for layer in self.layers:
            queries = layer(queries, picture)
        return queries


class Adapter(nn.Module):
    """All that OpenWorldSAM trains: 4,477,440 parameters at the published sizes.

    Args:
        config: sizes.

    Attributes:
        name: what to call it in results.
        fingerprint: sha256 of its weights.

    Example:
        >>> import torch
        >>> adapter = Adapter(AdapterConfig(encoder_width=8, width=16, tie_breakers=3)).eval()
        >>> queries = adapter(torch.zeros(2, 8), torch.zeros(1, 25, 16))
        >>> queries.tokens("one_token", "joint").shape, queries.tokens("released", "joint").shape
        (torch.Size([6, 1, 16]), torch.Size([6, 6, 16]))
    """

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        self.name = self.fingerprint = ""
        width = config.encoder_width
        projector = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.width)
        )
        self.text_hidden_fcs = nn.ModuleList([projector])
        self.positional_tokens = nn.Parameter(torch.randn(config.tie_breakers, config.width))
        self.cross_attention_transformer = SoftPromptStack(config)

    @property
    def dtype(self) -> torch.dtype:
        """The precision it computes in."""
        return self.positional_tokens.dtype

    def forward(self, vectors: Tensor, picture: Tensor, scope: Scope = "joint") -> Queries:
        """Make queries of prompts.

        Args:
            vectors: (P, D) one for each prompt, from BEiT-3.
            picture: (1, S, d) SAM 2's features at a sixteenth of its input, row by row.
            scope: "joint": all queries of the picture see each other, as released; "each": those
                of one prompt only, so that no prompt changes another's answer.
        """
        projected = self.text_hidden_fcs[0](vectors)[:, None] + self.positional_tokens
        together = projected.flatten(0, 1)[None] if scope == "joint" else projected
        soft = self.cross_attention_transformer(together, picture)
        return Queries(projected, soft.view_as(projected))
