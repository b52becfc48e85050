"""What the small CLIP learns from: names and captions of whole pictures, never masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHARPNESS = 10.0  # of the pooling over tokens, on cosines
NEVER = -1e4  # a logit that no softmax notices


def shared_softmax_loss(logits: Tensor, present: Tensor, asked: Tensor) -> Tensor:
    """Cross-entropy to a target that the present names share evenly.

    Where none of the asked names is present the target is uniform: such a picture says nothing
    about them. So the softmax over any vocabulary stays meaningful, also for absent names.

    Args:
        logits: (B, W) scaled cosines.
        present: (B, W) bool, names the caption mentions.
        asked: (B, W) bool, the vocabulary drawn for each picture; at least one per row.

    Returns:
        Mean Kullback-Leibler divergence from the target, so that zero is reachable.
    """
    found = present & asked
    target = torch.where(found.any(dim=1, keepdim=True), found, asked).float()
    target = target / target.sum(dim=1, keepdim=True)
    log_p = logits.masked_fill(~asked, NEVER).log_softmax(dim=1)
    entropy = -torch.special.xlogy(target, target).sum(dim=1)
    loss: Tensor = (-(target * log_p).sum(dim=1) - entropy).mean()
    return loss


def sigmoid_loss(logits: Tensor, present: Tensor, asked: Tensor) -> Tensor:
    """Independent yes/no per name, summed over asked names and averaged over pictures (SigLIP)."""
    each = F.binary_cross_entropy_with_logits(logits, present.float(), reduction="none")
    return (each * asked).sum(dim=1).mean()


def pool_tokens(cosines: Tensor) -> Tensor:
    """Soft maximum over tokens: (B, n, W) -> (B, W), by log-mean-exp.

    A name is in a bag of tokens if one of them shows it (multiple-instance learning,
    Ilse et al. 2018, section 2.1), yet every token near the maximum gets some gradient.
    """
    scaled = torch.logsumexp(SHARPNESS * cosines, dim=1)
    return (scaled - torch.log(torch.tensor(float(cosines.shape[1])))) / SHARPNESS


def caption_loss(images: Tensor, captions: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross-entropy over all pairs of the batch (Radford et al. 2021, figure 3).

    Args:
        images: (B, E) unit vectors.
        captions: (B, E) unit vectors, row by row the images' own.
        scale: exp(logit_scale).
    """
    logits = scale * images @ captions.T
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
