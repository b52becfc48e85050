"""Gradient class-activation maps of CLIP: scores, their gradients and the maps.

Grad-CAM (Selvaraju et al. 2017) weighs the channels of an activation by the mean gradient of a
score. CLIP-ES (Lin et al. 2023) and CLIP as RNN (Sun et al. 2024, appendix B) take the activation
after the last block's first layer norm and, as the score, the softmax probability of one text for
the mean of the patch features. `lexiseg.ops.last_block` turns the gradients into channel weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-15  # floor of the min-max normalization; small because saturated scores have tiny CAMs


def cosine_cotangents(embedding: Tensor, texts: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Scaled cosine logits and their gradients with respect to the image embedding.

    Args:
        embedding: (E,) image embedding, not normalized.
        texts: (K, E) unit text embeddings.
        scale: multiplier of the cosine.

    Returns:
        logits (K,) and gradients (K, E).
    """
    length = embedding.norm()
    unit = embedding / length
    cosines = texts @ unit
    return scale * cosines, scale / length * (texts - cosines[:, None] * unit)


def joint_cotangents(logits: Tensor, gradients: Tensor, queries: int) -> Tensor:
    """Gradients of the first softmax probabilities when all texts compete.

    d p_c = p_c * (d logit_c - sum_k p_k d logit_k).

    Args:
        logits: (K,) of queries and background texts.
        gradients: (K, E) of the logits.
        queries: N, number of leading texts whose probability is differentiated.

    Returns:
        (N, E).
    """
    share = logits.softmax(dim=0)
    return share[:queries, None] * (gradients[:queries] - share @ gradients)


def separate_cotangents(logits: Tensor, gradients: Tensor, queries: int) -> Tensor:
    """The same when each query competes with the background texts alone, (N, E)."""
    background = logits[queries:].expand(queries, -1)
    share = torch.cat([logits[:queries, None], background], dim=1).softmax(dim=1)
    own = share[:, :1]
    expected = own * gradients[:queries] + share[:, 1:] @ gradients[queries:]
    return own * (gradients[:queries] - expected)


def class_activation_map(weights: Tensor, activation: Tensor) -> Tensor:
    """ReLU of the weighted channel sum, min-max normalized per map.

    Args:
        weights: (K, D) channel weights.
        activation: (n, D).

    Returns:
        (K, n) in [0, 1]; all zero where no patch speaks for the score.
    """
    return min_max(F.relu(weights @ activation.T))


def grad_cam_plus_plus(gradients: Iterable[Tensor], activation: Tensor) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al. 2018, eq. 10 and 19): patches weigh their own gradients.

    The score is taken as the logarithm of an exponential, so that its higher derivatives are
    powers of the first, as in the paper.

    Args:
        gradients: K of (n, D), of the scores with respect to the activation.
        activation: (n, D).

    Returns:
        (K, n) in [0, 1].
    """
    total = activation.sum(dim=0)
    weights = []
    for gradient in gradients:
        below = 2 * gradient**2 + total * gradient**3
        share = torch.where(below == 0, 0.0, gradient**2 / below.where(below != 0, 1.0))
        weights.append((share * F.relu(gradient)).sum(dim=0))
    return class_activation_map(_stacked(weights, activation), activation)


def layer_cam(gradients: Iterable[Tensor], activation: Tensor) -> Tensor:
    """LayerCAM (Jiang et al. 2021, eq. 4 to 6): every patch counts by its own positive gradient.

    Args:
        gradients: K of (n, D), of the scores with respect to the activation.
        activation: (n, D).

    Returns:
        (K, n) in [0, 1].
    """
    maps = [(F.relu(gradient) * activation).sum(dim=1) for gradient in gradients]
    return min_max(F.relu(_stacked(maps, activation.T)))


def _stacked(rows: Sequence[Tensor], like: Tensor) -> Tensor:
    """Rows as one tensor, which has the width of `like` also where there are none."""
    return torch.stack(list(rows)) if rows else like.new_zeros(0, like.shape[1])


def min_max(maps: Tensor) -> Tensor:
    """Shift and scale each row of (K, n) to [0, 1]; constant rows become zero."""
    maps = maps - maps.amin(dim=-1, keepdim=True)
    return maps / (maps.amax(dim=-1, keepdim=True) + EPS)
