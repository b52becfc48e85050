"""BEiT-3's network: every part exists twice, for vision and language; attention is joint.

Wang et al. 2023, *Image as a Foreign Language*, section 2.1 (multiway transformer), with the inner
layer norms of Magneto (Wang et al. 2022).
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.beit3.config import FIRST_POSITION, Beit3Config

EPS = 1e-5
ModuleT = TypeVar("ModuleT", bound=nn.Module)
# Tokens of the picture (B, n, D) and of the text (B, m, D); either may be missing, not both.
Streams = tuple[Tensor | None, Tensor | None]


class Multiway(nn.Module):
    """A part that exists twice: "A" serves the picture's tokens, "B" those of the text."""

    def __init__(self, vision: nn.Module, language: nn.Module) -> None:
        super().__init__()
        self.A = vision
        self.B = language

    def forward(self, streams: Streams) -> Streams:
        """Each stream through its own half."""
        vision, language = streams
        return (
            None if vision is None else self.A(vision),
            None if language is None else self.B(language),
        )


def linear(config: Beit3Config) -> Multiway:
    """A pair of square linear layers."""
    return Multiway(nn.Linear(config.width, config.width), nn.Linear(config.width, config.width))


def norm(width: int) -> Multiway:
    """A pair of layer norms."""
    return Multiway(nn.LayerNorm(width, eps=EPS), nn.LayerNorm(width, eps=EPS))


def add(one: Streams, other: Streams) -> Streams:
    """Sum stream by stream."""
    vision = None if one[0] is None or other[0] is None else one[0] + other[0]
    language = None if one[1] is None or other[1] is None else one[1] + other[1]
    return vision, language


def join(streams: Streams) -> Tensor:
    """All tokens (B, n + m, D), the picture's first."""
    return torch.cat([stream for stream in streams if stream is not None], dim=1)


class JointAttention(nn.Module):
    """Attention over the tokens of picture and text together.

    Args:
        config: sizes.
    """

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj, self.k_proj, self.v_proj = (linear(config) for _ in range(3))
        self.inner_attn_ln = norm(config.width)
        self.out_proj = linear(config)

    def forward(self, streams: Streams, keys: Tensor | None) -> Streams:
        """Mix all tokens.

        Args:
            streams: normalised tokens.
            keys: (B, 1, 1, n + m) bool, True where a token may be looked at; None for all.
        """
        query, key, value = (
            self._split(join(part(streams))) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        merged = mixed.transpose(1, 2).flatten(2)
        count = 0 if streams[0] is None else streams[0].shape[1]
        apart: Streams = (
            None if streams[0] is None else merged[:, :count],
            None if streams[1] is None else merged[:, count:],
        )
        mixed_streams: Streams = self.out_proj(self.inner_attn_ln(apart))
        return mixed_streams

    def _split(self, tokens: Tensor) -> Tensor:
        """(B, L, D) to (B, heads, L, D / heads)."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a norm between them."""

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.ffn_layernorm = nn.LayerNorm(config.hidden, eps=EPS)
        self.fc2 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D); the activation is made in float32, as published."""
        active = F.gelu(self.fc1(x).float()).to(x.dtype)
        projected: Tensor = self.fc2(self.ffn_layernorm(active))
        return projected


class Block(nn.Module):
    """A block: joint attention, then a feed-forward network for each stream."""

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.self_attn_layer_norm = norm(config.width)
        self.self_attn = JointAttention(config)
        self.final_layer_norm = norm(config.width)
        self.ffn = Multiway(FeedForward(config), FeedForward(config))

    def forward(self, streams: Streams, keys: Tensor | None) -> Streams:
        """See `JointAttention.forward`."""
        streams = add(streams, self.self_attn(self.self_attn_layer_norm(streams), keys))
        return add(streams, self.ffn(self.final_layer_norm(streams)))


class VisionEmbedding(nn.Module):
    """Patches to tokens, a CLS token in front."""

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.width))  # of the pre-training
        self.proj = nn.Conv2d(3, config.width, config.patch_size, stride=config.patch_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, s, s) normalised pixels to (B, 1 + n, D)."""
        patches = self.proj(pixels.to(self.proj.weight.dtype)).flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)


class Positions(nn.Module):
    """Two tables of positions, "A" for CLS and patches, "B" for words."""

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.A = nn.Embedding(FIRST_POSITION + config.vision_tokens, config.width)
        self.B = nn.Embedding(config.text_positions, config.width)


class Encoder(nn.Module):
    """Position tables, blocks and the last norm."""

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.embed_positions = Positions(config)
        self.layers = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.layer_norm = norm(config.width)


class Beit3Network(nn.Module):
    """The whole network, its parts named as in the published files.

    Args:
        config: sizes.

    Example:
        >>> import torch
        >>> config = Beit3Config(32, 2, 4, 64, 32, 16, vocabulary=50, text_positions=16)
        >>> network = Beit3Network(config)
        >>> tokens = torch.tensor([[0, 7, 9, 2]])
        >>> network(torch.zeros(1, 3, 32, 32), tokens).shape       # CLS, 4 patches, 4 words
        torch.Size([1, 9, 32])
    """

    def __init__(self, config: Beit3Config) -> None:
        super().__init__()
        self.config = config
        self.text_embed = nn.Embedding(config.vocabulary, config.width)
        self.vision_embed = VisionEmbedding(config)
        self.encoder = Encoder(config)

    def forward(
        self,
        pixels: Tensor | None = None,
        tokens: Tensor | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """Encode pictures, texts, or pairs of them.

        Args:
            pixels: (B, 3, s, s) float, normalised, at the native size; with (1, 3, s, s) one
                picture goes with all texts.
            tokens: (B, T) int64 token ids.
            padding: (B, T) bool, True where a text has ended; such tokens change nothing.

        Returns:
            (B, L, D) tokens after the last norm: CLS and patches, then words. The first one is
            what stands for the whole: CLS, or without a picture the text's first token.
        """
        streams: Streams = (
            None if pixels is None else self.embed_picture(pixels),
            None if tokens is None else self.embed_text(tokens, padding),
        )
        return self.run(streams, padding)

    def embed_picture(self, pixels: Tensor) -> Tensor:
        """Placed tokens (B, 1 + n, D) of normalised pixels (B, 3, s, s)."""
        embedded: Tensor = self.vision_embed(pixels)
        return embedded + self.encoder.embed_positions.A.weight[FIRST_POSITION:]

    def embed_text(self, tokens: Tensor, padding: Tensor | None = None) -> Tensor:
        """Placed tokens (B, T, D) of token ids (B, T); zero where a text has ended."""
        places = self.encoder.embed_positions.B.weight[FIRST_POSITION:][: tokens.shape[1]]
        embedded: Tensor = self.text_embed(tokens) + places
        return embedded if padding is None else embedded.masked_fill(padding[..., None], 0)

    def run(self, streams: Streams, padding: Tensor | None = None) -> Tensor:
        """All blocks and the last norm on placed tokens; see `forward`."""
        vision, language = streams
        if vision is not None and language is not None and len(vision) != len(language):
            vision = vision.expand(len(language), -1, -1)
        streams, keys = (vision, language), None
        if padding is not None and padding.any():
            seen = padding.new_zeros(len(padding), 0 if vision is None else vision.shape[1])
            keys = ~torch.cat([seen, padding], dim=1)[:, None, None]
        for block in self.encoder.layers:
            streams = block(streams, keys)
        return join(self.encoder.layer_norm(streams))
