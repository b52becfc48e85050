"""Closed-form Grad-CAM against autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lexiseg.ops.cam import cosine_cotangents, joint_cotangents
from lexiseg.ops.last_block import LastBlock, Tail


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(0.3 * torch.randn(3 * width, width))
        self.in_proj_bias = nn.Parameter(0.3 * torch.randn(3 * width))
        self.out_proj = nn.Linear(width, width)


class Mlp(nn.Module):
    def __init__(self, width: int, gelu: nn.Module) -> None:
        super().__init__()
        self.c_fc, self.gelu, self.c_proj = (
            nn.Linear(width, 3 * width),
            gelu,
            nn.Linear(3 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    """A transformer block in the most obvious form."""

    def __init__(self, width: int, heads: int, gelu: nn.Module) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=1e-3), nn.LayerNorm(width)
        self.attn, self.mlp = Attention(width), Mlp(width, gelu)
        for norm in (self.ln_1, self.ln_2):
            nn.init.normal_(norm.weight, 1, 0.3)
            nn.init.normal_(norm.bias, 0, 0.3)

    def qkv(self, normed: Tensor) -> tuple[Tensor, ...]:
        packed = F.linear(normed, self.attn.in_proj_weight, self.attn.in_proj_bias)
        return tuple(
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in packed.chunk(3, dim=-1)
        )

    def forward(self, x: Tensor, normed: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = self.qkv(normed)
        weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
        x = x + self.attn.out_proj((weights @ value).transpose(1, 2).flatten(2))
        return x + self.mlp(self.ln_2(x)), weights


def make(seed: int, gelu: nn.Module, heads: int = 2, patches: int = 7) -> tuple[Tail, Tensor]:
    torch.manual_seed(seed)
    width = 8 * heads
    post = nn.LayerNorm(width)
    nn.init.normal_(post.weight, 1, 0.3)
    block = Block(width, heads, gelu)
    return Tail(block, post, torch.randn(width, 5)), torch.randn(1 + patches, width)


def by_autograd(tail: Tail, tokens: Tensor, score: int, texts: Tensor, scale: float) -> Tensor:
    """Gradient of one softmax probability with respect to ln_1's output at the patches, (n, D)."""
    normed = tail.block.ln_1(tokens[None]).detach().requires_grad_(True)
    output, _ = tail.block(tokens[None], normed)
    embedding = (tail.ln_post(output[:, 1:]) @ tail.proj).mean(1)
    share = (scale * F.normalize(embedding) @ texts.T).softmax(-1)
    return torch.autograd.grad(share[0, score], normed)[0][0, 1:]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    heads=st.integers(1, 3),
    patches=st.integers(1, 9),
    gelu=st.sampled_from([nn.GELU(), nn.SiLU(), nn.Tanh()]),
)
def test_channel_weights_equal_autograd(
    seed: int, heads: int, patches: int, gelu: nn.Module
) -> None:
    tail, tokens = make(seed, gelu, heads, patches)
    texts = F.normalize(torch.randn(4, 5), dim=-1)
    expected = torch.stack([by_autograd(tail, tokens, i, texts, 7.0) for i in range(3)])
    with torch.no_grad():
        block = LastBlock(tail, tokens)
        logits, gradients = cosine_cotangents(block.embedding, texts, 7.0)
        cotangents = joint_cotangents(logits, gradients, 3)
        weights = block.channel_weights(cotangents)
        by_patch = torch.stack(list(block.token_gradients(cotangents)))
    torch.testing.assert_close(weights, expected.mean(1), atol=2e-5, rtol=2e-3)
    torch.testing.assert_close(by_patch, expected, atol=2e-5, rtol=2e-3)


def test_forward_pass_equals_the_block() -> None:
    tail, tokens = make(1, nn.GELU())
    with torch.no_grad():
        block = LastBlock(tail, tokens)
        normed = tail.block.ln_1(tokens[None])
        output, weights = tail.block(tokens[None], normed)
        embedding = (tail.ln_post(output[0, 1:]) @ tail.proj).mean(0)
    torch.testing.assert_close(block.tokens, output[0])
    torch.testing.assert_close(block.activation, normed[0, 1:])
    torch.testing.assert_close(block.attention, weights[0].mean(0))
    torch.testing.assert_close(block.embedding, embedding)


def test_value_path_is_the_last_block_without_mixing_residual_and_mlp() -> None:
    tail, tokens = make(4, nn.GELU())
    block = tail.block
    with torch.no_grad():
        value = block.qkv(block.ln_1(tokens[None]))[2][0, :, 1:]
        merged = torch.cat(list(value), dim=-1)
        expected = tail.ln_post(block.attn.out_proj(merged)) @ tail.proj
        torch.testing.assert_close(LastBlock(tail, tokens).value_tokens(), expected)


def test_more_texts_than_dimensions_give_the_same_weights() -> None:
    tail, tokens = make(2, nn.GELU())
    cotangents = torch.randn(9, 5)
    with torch.no_grad():
        few, many = LastBlock(tail, tokens), LastBlock(tail, tokens)
        expected = torch.cat([few.channel_weights(row[None]) for row in cotangents])
        torch.testing.assert_close(many.channel_weights(cotangents), expected)
        torch.testing.assert_close(many.channel_weights(cotangents[:2]), expected[:2])
        assert many.channel_weights(cotangents[:0]).shape == (0, 16)


def test_chunks_do_not_change_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    tail, tokens = make(3, nn.GELU())
    cotangents = torch.randn(4, 5)
    with torch.no_grad():
        whole = LastBlock(tail, tokens).channel_weights(cotangents)
        monkeypatch.setattr("lexiseg.ops.last_block.CHUNK_ELEMENTS", 1)
        torch.testing.assert_close(LastBlock(tail, tokens).channel_weights(cotangents), whole)
