"""From embeddings to probabilities of named classes and of what has no name (FC-CLIP).

Yu et al. 2023, sections 3.3 and 3.4. A class is as likely as its best wording; probabilities are
mixed as logarithms, so that none vanishes on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

TINY = 1e-8  # keeps the logarithm of a final probability finite, as released


def average_prompts(features: Tensor, prompts: int) -> Tensor:
    """One unit feature per wording from the features of its prompts.

    Args:
        features: (N * prompts, E), the prompts of a wording together.
        prompts: per wording.

    Returns:
        (N, E): prompts are normalized, averaged, and normalized again.
    """
    unit = F.normalize(features, dim=-1).view(-1, prompts, features.shape[1])
    return F.normalize(unit.mean(dim=1), dim=-1)


def class_logits(
    embeddings: Tensor, texts: Tensor, wordings: Sequence[int], scale: float | Tensor
) -> Tensor:
    """Scaled cosines with classes, each as large as that of its best wording.

    Args:
        embeddings: (..., Q, E); they are normalized here.
        texts: (K, E) or (..., K, E), the wordings of a class together, classes in order. They are
            taken as they are: MAFT+'s are not of unit length.
        wordings: how many each class has, K in all.
        scale: factor of the cosines.

    Returns:
        (..., Q, C).

    Example:
        >>> texts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> class_logits(torch.tensor([[0.0, 3.0]]), texts, [2, 1], 10.0).tolist()
        [[10.0, 0.0]]
    """
    logits = scale * F.normalize(embeddings, dim=-1) @ texts.transpose(-1, -2)
    if len(wordings) == logits.shape[-1]:
        return logits
    number = torch.repeat_interleave(torch.tensor(wordings)).to(logits.device)
    best = logits.new_full((*logits.shape[:-1], len(wordings)), -torch.inf)
    return best.scatter_reduce(-1, number.expand_as(logits), logits, "amax")


def void_probability(logits: Tensor, bias: float = 0.0) -> Tensor:
    """Probability (..., Q) that a candidate has no name, the last of logits (..., Q, C + 1).

    Args:
        logits: void last.
        bias: added to void's.
    """
    shifted = torch.cat([logits[..., :-1], logits[..., -1:] + bias], dim=-1)
    return shifted.softmax(dim=-1)[..., -1]


def geometric_ensemble(
    seen_logits: Tensor,
    open_logits: Tensor,
    is_seen: Tensor,
    alpha: float = 0.4,
    beta: float = 0.8,
    valid: Tensor | None = None,
) -> Tensor:
    """Logarithms of the renormalized products p ** (1 - share) * q ** share.

    Args:
        seen_logits: (Q, C) of the decoder's embeddings, without void; p is their softmax.
        open_logits: (Q, C) of CLIP's; q is their softmax.
        is_seen: (C,) bool, classes that the decoder was trained on.
        alpha: share of CLIP for those.
        beta: share of CLIP for all others.
        valid: (Q,) bool, candidates whose features of CLIP mean something; the others go by the
            decoder alone.

    Returns:
        (Q, C) logarithms; their exponentials add up to 1.
    """
    share = torch.where(is_seen, alpha, beta).to(seen_logits)
    if valid is not None:
        share = share * valid[:, None]
    mixed = (1 - share) * seen_logits.log_softmax(-1) + share * open_logits.log_softmax(-1)
    return mixed.log_softmax(-1)


def with_void(log_classes: Tensor, void: Tensor) -> Tensor:
    """Final log-probabilities (Q, C + 1), void last.

    Args:
        log_classes: (Q, C) logarithms of probabilities that add up to 1.
        void: (Q,) probability of having no name.
    """
    named = log_classes.exp() * (1 - void[:, None])
    return (torch.cat([named, void[:, None]], dim=-1) + TINY).log()
