"""A vision transformer's last block, differentiated in closed form for Grad-CAM.

The score is a function of the mean over patches of the projected features, so every patch receives
the same gradient vector, and Grad-CAM needs only the mean over patches of the gradient at the
block's first layer norm. Both facts together turn the backward pass of many scores into a few
matrix products, and no graph is recorded. See `lexiseg.ops.cam` for the maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK_ELEMENTS = 2**24  # of the largest intermediate, 64 MB in float32


class _Affine(Protocol):
    """A linear layer or the affine part of a layer norm."""

    @property
    def weight(self) -> Tensor: ...
    @property
    def bias(self) -> Tensor: ...


class _Norm(_Affine, Protocol):
    @property
    def eps(self) -> float: ...


class _Attention(Protocol):
    @property
    def in_proj_weight(self) -> Tensor: ...
    @property
    def out_proj(self) -> _Affine: ...


class _Mlp(Protocol):
    @property
    def c_fc(self) -> _Affine: ...
    @property
    def c_proj(self) -> _Affine: ...
    @property
    def gelu(self) -> Callable[[Tensor], Tensor]: ...


class ResidualBlock(Protocol):
    """A pre-norm transformer block: x + attention(ln_1(x)), then x + mlp(ln_2(x))."""

    @property
    def ln_1(self) -> _Norm:
        """Norm before attention."""

    @property
    def attn(self) -> _Attention:
        """Packed query, key, value projection and output projection."""

    @property
    def ln_2(self) -> _Norm:
        """Norm before the feed-forward branch."""

    @property
    def mlp(self) -> _Mlp:
        """Two linear layers with a non-linearity between."""

    def qkv(self, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value (B, heads, tokens, head_dim) of normed tokens."""


@dataclass(frozen=True)
class Tail:
    """The end of an image tower: its last block, the final norm and the projection."""

    block: ResidualBlock
    ln_post: _Norm
    proj: Tensor


class LastBlock:
    """One image's pass through the last block, kept for gradients of its mean-patch embedding.

    Args:
        tail: the modules.
        tokens: (1 + n, D) input of the last block, CLS first.

    Attributes:
        activation: (n, D) float32, ln_1's output at the patches.
        attention: (1 + n, 1 + n) float32, attention weights averaged over heads.
        tokens: (1 + n, D) float32, the block's output.
        embedding: (E,) float32, mean over patches of the projected, normalized output.
    """

    def __init__(self, tail: Tail, tokens: Tensor) -> None:
        block, self._tail = tail.block, tail
        self._jacobian: Tensor | None = None  # (E, D), once many texts were asked
        self._dtype = tail.proj.dtype
        normed = _layer_norm(tokens, block.ln_1)
        self.activation = normed[1:].float()
        self._query, self._key, self._value = (part[0] for part in block.qkv(normed[None]))
        self._attend(tokens)
        self._transform()

    def _attend(self, tokens: Tensor) -> None:
        """Attention branch; keeps the weights P and the heads' outputs O of the patches."""
        out_proj = self._tail.block.attn.out_proj
        self._scale = self._query.shape[-1] ** -0.5
        scores = (self._query * self._scale) @ self._key.mT
        weights = scores.softmax(dim=-1, dtype=torch.float32)
        self.attention = weights.mean(dim=0)
        self._weights = weights.to(self._dtype)
        mixed = self._weights @ self._value
        self._mixed = mixed[:, 1:]
        merged = mixed.transpose(0, 1).flatten(1)
        self._residual = tokens + F.linear(merged, out_proj.weight, out_proj.bias)

    def _transform(self) -> None:
        """Feed-forward branch, final norm and projection; keeps what their gradients need."""
        block = self._tail.block
        hidden = F.linear(
            _layer_norm(self._residual, block.ln_2), block.mlp.c_fc.weight, block.mlp.c_fc.bias
        )
        active = block.mlp.gelu(hidden)
        self._slope = _slope(block.mlp.gelu, hidden[1:])
        output = self._residual + F.linear(active, block.mlp.c_proj.weight, block.mlp.c_proj.bias)
        self.tokens = output.float()
        self._unit_2, self._sigma_2 = _standardize(self._residual[1:], block.ln_2.eps)
        self._unit_post, self._sigma_post = _standardize(output[1:], self._tail.ln_post.eps)
        self.embedding = self.project(self.tokens[1:]).mean(dim=0)

    def project(self, tokens: Tensor) -> Tensor:
        """Final norm and projection of block outputs (..., D) to (..., E), in float32."""
        norm = self._tail.ln_post
        normed = F.layer_norm(
            tokens, tokens.shape[-1:], norm.weight.float(), norm.bias.float(), norm.eps
        )
        return normed @ self._tail.proj.float()

    def channel_weights(self, cotangents: Tensor) -> Tensor:
        """Mean over patches of the gradient with respect to the activation.

        The map is linear in the cotangents, so more of them than the embedding has dimensions
        cost no more than a basis, which is then kept.

        Args:
            cotangents: (K, E) float32, gradients of K scores with respect to `embedding`.

        Returns:
            (K, D) float32.
        """
        dimensions = cotangents.shape[-1]
        if len(cotangents) > dimensions and self._jacobian is None:
            self._jacobian = self._pull_back(torch.eye(dimensions, device=cotangents.device))
        if self._jacobian is not None:
            return cotangents @ self._jacobian
        return self._pull_back(cotangents)

    def value_tokens(self) -> Tensor:
        """The value path: every patch's value through output projection, final norm, projection.

        Without residual, attention and feed-forward network: the branch of the block that Grad-CAM
        at its first norm reads.

        Returns:
            (n, E) float32.
        """
        out_proj = self._tail.block.attn.out_proj
        merged = self._value[:, 1:].transpose(0, 1).flatten(1)
        return self.project(F.linear(merged, out_proj.weight, out_proj.bias).float())

    def token_gradients(self, cotangents: Tensor) -> Iterator[Tensor]:
        """Gradients with respect to the activation, patch by patch, a score at a time.

        Args:
            cotangents: (K, E) float32, gradients of K scores with respect to `embedding`.

        Yields:
            (n, D) float32 for each of the K scores.
        """
        for cotangent in cotangents:
            at_residual = self._through_mlp(self._through_final_norm(cotangent[None]))[:, 0]
            yield self._to_activation(at_residual)

    def _to_activation(self, at_residual: Tensor) -> Tensor:
        """Gradient (n, D) at ln_1's output at the patches, given that at the residual (n, D)."""
        heads, _, size = self._query.shape
        out_proj = self._tail.block.attn.out_proj.weight.float()
        at_heads = (at_residual @ out_proj).view(-1, heads, size).transpose(0, 1)
        weights = self._weights[:, 1:].float()  # rows of the patches; CLS has no gradient
        query, key, value = (part.float() for part in (self._query, self._key, self._value))
        at_weights = at_heads @ value.mT
        at_scores = weights * (at_weights - (weights * at_weights).sum(-1, keepdim=True))
        parts = torch.stack(
            [
                at_scores @ key * self._scale,
                (at_scores.mT @ query[:, 1:])[:, 1:] * self._scale,
                (weights.mT @ at_heads)[:, 1:],
            ]
        )
        packed = parts.permute(2, 0, 1, 3).flatten(1)
        return packed @ self._tail.block.attn.in_proj_weight.float()

    def _pull_back(self, cotangents: Tensor) -> Tensor:
        patches, width = self.activation.shape
        step = max(1, CHUNK_ELEMENTS // (4 * width * max(width, patches)))
        parts = [self._backward(chunk) for chunk in torch.split(cotangents, step)]
        return torch.cat(parts) if parts else cotangents.new_zeros(0, width)

    def _backward(self, cotangents: Tensor) -> Tensor:
        """Pull K cotangents (K, E) back to the mean over patches, (K, D)."""
        at_residual = self._through_mlp(self._through_final_norm(cotangents))
        return self._through_attention(at_residual) / len(self.activation)

    def _through_final_norm(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient at the block's output, which has rank two in every patch.

        It equals (common_k - unit_i * along_ik) / sigma_i at patch i for score k.

        Returns:
            common (K, D) and along (n, K).
        """
        pulled = cotangents @ self._tail.proj.float().T
        scaled = pulled * self._tail.ln_post.weight.float() / len(self.activation)
        common = scaled - scaled.mean(dim=-1, keepdim=True)
        return common, self._unit_post @ scaled.T / scaled.shape[-1]

    def _through_mlp(self, at_output: tuple[Tensor, Tensor]) -> Tensor:
        """Gradient at the residual stream between attention and feed-forward, (n, K, D).

        The slope of a patch scales whatever passes it, so all scores share one left factor,
        slope / sigma, and one product serves for their parts along `unit`.
        """
        common, along = at_output
        inward = self._product(common, self._tail.block.mlp.c_proj.weight)  # (K, 4D)
        per_score = (inward.T[:, :, None] * self._first[:, None, :]).flatten(1)  # (4D, K * D)
        at_norm = (self._gate @ per_score).float().view(len(self._gate), *common.shape)
        at_norm -= along[:, :, None] * self._shared[:, None, :]
        unit_2 = self._unit_2[:, None, :]
        along_2 = torch.einsum("ikd,id->ik", at_norm, self._unit_2) / unit_2.shape[-1]
        at_norm -= at_norm.mean(-1, keepdim=True)
        at_norm.addcmul_(unit_2, along_2[:, :, None], value=-1).div_(self._sigma_2[:, None])
        at_norm.addcmul_(
            self._unit_post[:, None, :] / self._sigma_post[:, None], along[:, :, None], value=-1
        )
        return at_norm.add_(common / self._sigma_post[:, None])

    def _through_attention(self, at_residual: Tensor) -> Tensor:
        """Sum over patches of the gradient at ln_1's output, (K, D).

        Only sums of the query, key and value gradients over the patches are needed: of the
        gradient dS at the attention scores these take the column sums and, because its rows sum
        to zero, the CLS column.
        """
        patches, scores, width = at_residual.shape
        heads, _, size = self._query.shape
        out_proj = self._tail.block.attn.out_proj.weight
        at_heads = self._product(at_residual.flatten(0, 1), out_proj)
        at_heads = at_heads.view(patches, scores, heads, size).permute(2, 0, 1, 3).contiguous()
        weights = self._weights[:, 1:]  # rows of the patches; CLS has no gradient
        spread = (weights.mT @ at_heads.flatten(2)).view(heads, patches + 1, scores, size)
        row_dot = _dot(at_heads, self._mixed)  # (H, n, K)
        column = _dot(spread, self._value)  # (H, 1 + n, K)
        to_query = column.mT @ self._key.float() - row_dot.mT @ self._mean_key
        at_cls = weights[:, :, :1].float()
        cls_column = at_cls * (_dot(at_heads, self._value[:, :1]) - row_dot)
        to_key = -cls_column.mT @ self._query[:, 1:].float()
        to_value = self._product((1 - at_cls).mT, at_heads.flatten(2)).float()
        to_value = to_value.view(heads, scores, size)
        sums = torch.stack([to_query * self._scale, to_key * self._scale, to_value])
        packed = sums.permute(2, 0, 1, 3).reshape(scores, 3 * width)
        return packed @ self._tail.block.attn.in_proj_weight.float()

    @cached_property
    def _first(self) -> Tensor:
        """First feed-forward layer with the gain of its norm, (4D, D)."""
        block = self._tail.block
        return block.mlp.c_fc.weight * block.ln_2.weight

    @cached_property
    def _gate(self) -> Tensor:
        """Slope of the non-linearity over the deviation at the final norm, (n, 4D)."""
        return (self._slope / self._sigma_post).to(self._dtype)

    @cached_property
    def _shared(self) -> Tensor:
        """What a gradient along `unit` at the final norm becomes at ln_2, (n, D)."""
        inward = self._product(self._unit_post, self._tail.block.mlp.c_proj.weight)
        return self._product(inward * self._gate, self._first).float()

    @cached_property
    def _mean_key(self) -> Tensor:
        """Keys averaged by the attention of each patch, (H, n, d)."""
        mean: Tensor = self._weights[:, 1:] @ self._key
        return mean.float()

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        """A large matrix product in the tower's precision."""
        return left.to(self._dtype) @ right


def _dot(many: Tensor, one: Tensor) -> Tensor:
    """Inner products over the last axis of (H, n, K, d) and (H, n or 1, d), (H, n, K) float32."""
    products: Tensor = many * one[:, :, None]
    return products.sum(-1, dtype=torch.float32)


def _layer_norm(x: Tensor, norm: _Norm) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)


def _standardize(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Tokens (n, D) with mean 0 and variance 1, and their standard deviations (n, 1)."""
    x = x.float()
    variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    sigma = (variance + eps).sqrt()
    return (x - mean) / sigma, sigma


def _slope(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Derivative of an elementwise function, under no_grad and inference_mode too."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().to(torch.float32, copy=True).requires_grad_()
        (derivative,) = torch.autograd.grad(function(x).sum(), x)
    return derivative
