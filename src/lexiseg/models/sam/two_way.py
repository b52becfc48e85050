"""SAM's two-way transformer, computed from the side of the few tokens.

A prompt is about seven tokens before an image of thousands. Projecting every image position to
keys, queries and values, for every prompt, is what makes the plain computation slow. Both
directions of the attention are bilinear around their softmax, so the projections can be applied to
the tokens instead (query . (W x) = (W^T query) . x), which is the same function with about half of
the multiplications. What the first layer computes from the image alone is shared by all prompts.
Where a prompt has many tokens, as in OpenWorldSAM's released layout, projecting the image is
cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lexiseg.models.sam.modules import TokenAttention, TwoWayLayer, TwoWayNetwork
from lexiseg.ops.token_sums import TokenSums

FEW_TOKENS = 16  # up to so many, projections are applied to the tokens


@dataclass(frozen=True)
class SharedImage:
    """An image as the first layer sees it, for prompts without a mask of their own.

    Args:
        features: (1, N, C) positions of the embedding, row by row.
        position: (1, N, C) their encoding.
        read_key: (heads, N, c) keys of the attention from tokens to image.
        read_value: (heads, N, c) its values.
        write_query: (heads, N, c) queries of the attention from image to tokens.
    """

    features: Tensor
    position: Tensor
    read_key: Tensor
    read_value: Tensor
    write_query: Tensor


@dataclass(frozen=True)
class SplitPrompts:
    """Prompts that are cheaper to project in parts, as long as they are what was given.

    Args:
        learned: (L, C) tokens that stand before those of every prompt.
        sums: P prompts of T tokens.
    """

    learned: Tensor
    sums: TokenSums

    def projected(self, linear: nn.Linear) -> Tensor:
        """(P, L + T, C')."""
        learned = linear(self.learned).expand(len(self.sums), -1, -1)
        return torch.cat([learned, self.sums.projected(linear)], dim=1)


class TwoWay:
    """The forward pass of a two-way transformer whose weights transformers' modules hold.

    Args:
        network: the `transformer` of a mask decoder of SAM's kind.

    Cost: for t tokens an attention multiplies each position with 2 t heads C numbers instead of
    C * C, so this pays below about 16 tokens; with more, `read` and `write` project the image.
    """

    def __init__(self, network: TwoWayNetwork) -> None:
        self.layers = list(network.layers)
        self.final = network.final_attn_token_to_image
        self.final_norm = network.layer_norm_final_attn

    def share(self, features: Tensor, position: Tensor) -> SharedImage:
        """Compute what no prompt changes.

        Args:
            features: (1, N, C).
            position: (1, N, C).
        """
        first = self.layers[0]
        reader, writer = first.cross_attn_token_to_image, first.cross_attn_image_to_token
        placed = features + position
        return SharedImage(
            features,
            position,
            _heads(reader, reader.k_proj(placed))[0],
            _heads(reader, reader.v_proj(features))[0],
            _heads(writer, writer.q_proj(placed))[0],
        )

    def __call__(
        self,
        prompts: Tensor,
        image: SharedImage,
        wanted: list[int],
        dense: Tensor | None = None,
        split: SplitPrompts | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and image inform each other.

        Args:
            prompts: (P, T, C) tokens of P prompts.
            image: from `share`.
            wanted: positions of the tokens that the caller reads.
            dense: (P, N, C) an image of its own for each prompt, instead of the shared one.
            split: the same prompts in parts, where they come in parts.

        Returns:
            (P, len(wanted), C) tokens and (P, N, C) image.
        """
        tokens, features = prompts, image.features if dense is None else dense
        for number, layer in enumerate(self.layers):
            parts = split if number == 0 else None
            tokens = self._attend_tokens(layer, tokens, prompts, parts)
            if number == 0 and dense is None:
                tokens, written = _shared_exchange(layer, tokens, prompts, image)
            else:
                placed = features + image.position
                tokens = _read(layer, tokens, prompts, placed, features)
                written = write(layer.cross_attn_image_to_token, placed, tokens + prompts, tokens)
            features = layer.layer_norm4(written.add_(features))
        chosen, asked = tokens[:, wanted], (tokens + prompts)[:, wanted]
        found = read(self.final, asked, features + image.position, features)
        return self.final_norm(chosen + found), features

    def _attend_tokens(
        self, layer: TwoWayLayer, tokens: Tensor, prompts: Tensor, split: SplitPrompts | None
    ) -> Tensor:
        if layer.skip_first_layer_pe:
            mixed = (
                _plain(layer.self_attn, tokens, tokens)
                if split is None
                else _plain_in_parts(layer.self_attn, split)
            )
        else:
            mixed = tokens + _plain(layer.self_attn, tokens + prompts, tokens)
        return layer.layer_norm1(mixed)


def _read(
    layer: TwoWayLayer, tokens: Tensor, prompts: Tensor, placed: Tensor, features: Tensor
) -> Tensor:
    found = read(layer.cross_attn_token_to_image, tokens + prompts, placed, features)
    return _after_reading(layer, tokens + found)


def _after_reading(layer: TwoWayLayer, tokens: Tensor) -> Tensor:
    tokens = layer.layer_norm2(tokens)
    return layer.layer_norm3(tokens + layer.mlp(tokens))


def _shared_exchange(
    layer: TwoWayLayer, tokens: Tensor, prompts: Tensor, image: SharedImage
) -> tuple[Tensor, Tensor]:
    """One layer's reading and writing where all prompts still see the same image."""
    reader = layer.cross_attn_token_to_image
    query = _heads(reader, reader.q_proj(tokens + prompts))
    count, _, length, _ = query.shape
    joined = query.transpose(0, 1).flatten(1, 2)
    found = nn.functional.scaled_dot_product_attention(joined, image.read_key, image.read_value)
    found = torch.unflatten(found, 1, (count, length)).permute(1, 2, 0, 3).flatten(2)
    tokens = _after_reading(layer, tokens + _output(reader)(found))

    writer = layer.cross_attn_image_to_token
    if length > FEW_TOKENS:
        asking = image.write_query.expand(count, -1, -1, -1)
        return tokens, _exchange(writer, asking, tokens + prompts, tokens)
    key = _heads(writer, writer.k_proj(tokens + prompts)) * _scale(writer)
    joined = key.transpose(0, 1).flatten(1, 2)
    scores = image.write_query @ joined.transpose(1, 2)
    weights = (
        torch.unflatten(scores, 2, (count, length)).softmax(dim=-1).permute(2, 1, 0, 3).flatten(2)
    )
    return tokens, _spread(writer, weights, tokens)


def read(attention: TokenAttention, asked: Tensor, placed: Tensor, features: Tensor) -> Tensor:
    """Attention from tokens (P, T, C) to an image (P, N, C).

    A key's bias adds the same to all positions, which the softmax does not see.
    """
    if asked.shape[1] > FEW_TOKENS:
        return _exchange(attention, _heads(attention, attention.q_proj(asked)), placed, features)
    query = _heads(attention, attention.q_proj(asked)) * _scale(attention)
    probes = (query @ _by_head(attention, attention.k_proj)).flatten(1, 2)
    weights = (probes @ placed.transpose(1, 2)).softmax(dim=-1)
    mixed = torch.unflatten(weights @ features, 1, (attention.num_attention_heads, -1))
    values = mixed @ _by_head(attention, attention.v_proj).transpose(1, 2)
    joined: Tensor = _output(attention)(values.transpose(1, 2).flatten(2) + attention.v_proj.bias)
    return joined


def write(attention: TokenAttention, placed: Tensor, asked: Tensor, tokens: Tensor) -> Tensor:
    """Attention from an image (P, N, C) to tokens (P, T, C); returns (P, N, C)."""
    if asked.shape[1] > FEW_TOKENS:
        return _exchange(attention, _heads(attention, attention.q_proj(placed)), asked, tokens)
    heads = attention.num_attention_heads
    key = _heads(attention, attention.k_proj(asked)) * _scale(attention)
    probes = (key @ _by_head(attention, attention.q_proj)).flatten(1, 2)
    query_bias = attention.q_proj.bias.view(heads, -1, 1)
    offset = (key @ query_bias).flatten(1)
    scores = torch.baddbmm(offset[:, None], placed, probes.transpose(1, 2))
    weights = torch.unflatten(scores, 2, (heads, -1)).softmax(dim=-1).flatten(2)
    return _spread(attention, weights, tokens)


def _spread(attention: TokenAttention, weights: Tensor, tokens: Tensor) -> Tensor:
    """Bring the tokens' values (P, T, C) to the positions by weights (P, N, heads * T)."""
    output = _output(attention)
    value = _heads(attention, attention.v_proj(tokens))
    outward = torch.unflatten(output.weight.T, 0, (attention.num_attention_heads, -1))
    return torch.baddbmm(output.bias, weights, (value @ outward).flatten(1, 2))


def _plain(attention: TokenAttention, asked: Tensor, tokens: Tensor) -> Tensor:
    return _exchange(attention, _heads(attention, attention.q_proj(asked)), asked, tokens)


def _plain_in_parts(attention: TokenAttention, prompts: SplitPrompts) -> Tensor:
    """The same of prompts that come in parts."""
    layers = (attention.q_proj, attention.k_proj, attention.v_proj)
    query, key, value = (_heads(attention, prompts.projected(layer)) for layer in layers)
    return _attend(attention, query, key, value)


def _exchange(attention: TokenAttention, query: Tensor, asked: Tensor, given: Tensor) -> Tensor:
    """Attention written out: queries (P, heads, L, c) by head, keys and values to be projected."""
    key, value = (
        _heads(attention, part) for part in (attention.k_proj(asked), attention.v_proj(given))
    )
    return _attend(attention, query, key, value)


def _attend(attention: TokenAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    mixed = nn.functional.scaled_dot_product_attention(query, key, value)
    joined: Tensor = _output(attention)(mixed.transpose(1, 2).flatten(2))
    return joined


def _heads(attention: TokenAttention, tensor: Tensor) -> Tensor:
    """(B, T, heads * c) to (B, heads, T, c)."""
    return torch.unflatten(tensor, -1, (attention.num_attention_heads, -1)).transpose(1, 2)


def _by_head(attention: TokenAttention, projection: nn.Linear) -> Tensor:
    """A projection's weight as (heads, c, C)."""
    return torch.unflatten(projection.weight, 0, (attention.num_attention_heads, -1))


def _output(attention: TokenAttention) -> nn.Linear:
    """The last projection, which transformers names differently for SAM and SAM 2."""
    name = "out_proj" if hasattr(attention, "out_proj") else "o_proj"
    return cast(nn.Linear, getattr(attention, name))


def _scale(attention: TokenAttention) -> float:
    return float(attention.scaling)
