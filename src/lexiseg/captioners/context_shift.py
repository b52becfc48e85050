"""Shifting a language model's context towards an image (Tewel et al., CVPR 2022, section 3.1).

Keys and values of the tokens before the last one are moved by gradient steps, so that the next
token leads to texts which CLIP finds close to the image, while the distribution stays close to
the unshifted one. Every row is a problem of its own: losses are summed over rows and norms are
taken per row, so rows of any segments and beams can share a pass.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.models.gpt2 import Gpt2Network

# Candidate tokens (rows, k) -> cosines (rows, k) of the texts they lead to with the row's image
Compare = Callable[[Tensor], Tensor]

TINY = 1e-15  # added to gradient norms


def shift_context(
    model: Gpt2Network,
    tokens: Tensor,
    past: Tensor,
    before: Tensor,
    compare: Compare,
    config: ZeroCapConfig,
) -> Tensor:
    """Optimize the shift of one context per row.

    Args:
        model: the language model.
        tokens: (rows, 1) int64, the last token of each context.
        past: (layers, 2, rows, heads, P, head_dim), keys and values of the tokens before it.
        before: (rows, V), log-probabilities of the next token in the unshifted context.
        compare: how well CLIP thinks each candidate goes with the row's image.
        config: losses, step and number of iterations.

    Returns:
        The shift, of the shape of `past`.
    """
    shift = torch.zeros_like(past)
    for _ in range(config.iterations):
        with torch.enable_grad():
            free = shift.requires_grad_()
            now = model.logits(tokens, past + free).log_softmax(-1)
            candidates, targets = aims(now, compare, config)
            losses = config.clip_weight * clip_loss(now, candidates, targets)
            losses = losses + config.fluency_weight * fluency_loss(now, before)
            (gradient,) = torch.autograd.grad(losses.sum(), free)
        shift = free.detach() - config.step_size * scaled(gradient, config.norm_exponent)
    return shift


def scaled(gradient: Tensor, exponent: float) -> Tensor:
    """Divide the gradient of each layer's K and V of each row by its Frobenius norm ** exponent.

    Args:
        gradient: (layers, 2, rows, heads, P, head_dim).
        exponent: 0.9, so that a step is as long as the norm ** 0.1.
    """
    norms = torch.linalg.vector_norm(gradient, dim=(3, 4, 5), keepdim=True)
    return torch.div(gradient, (norms + TINY) ** exponent)


@torch.no_grad()
def aims(log_probs: Tensor, compare: Compare, config: ZeroCapConfig) -> tuple[Tensor, Tensor]:
    """What CLIP wants the next token to be.

    Args:
        log_probs: (rows, V), the model's present belief.
        compare: candidates -> cosines.
        config: number of candidates and temperature tau.

    Returns:
        The most probable tokens (rows, k) int64, and their shares (rows, k), which sum to 1: the
        softmax of their cosines over tau.
    """
    candidates = log_probs.topk(min(config.candidates, log_probs.shape[-1])).indices
    return candidates, (compare(candidates) / config.temperature).softmax(-1)


def clip_loss(log_probs: Tensor, candidates: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy (rows,) between CLIP's shares and the model's belief over all tokens."""
    return -(targets * log_probs.gather(1, candidates)).sum(-1)


def fluency_loss(log_probs: Tensor, log_before: Tensor) -> Tensor:
    """Divergence (rows,) of the shifted distribution from the unshifted one, both (rows, V)."""
    return (log_probs.exp() * (log_probs - log_before)).sum(-1)
