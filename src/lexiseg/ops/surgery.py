"""CLIP Surgery's feature surgery in closed form (Li et al. 2023, section 3.3).

The published procedure multiplies features and texts element by element, subtracts the mean over
texts and sums over channels, which takes a (tokens, texts, channels) array. Sums and means commute:
a score is w_t F.T_t less the mean of w_u F.T_u over all texts u, and that mean is the product of F
with one mean text. So an image costs two matrix products, and texts may come in any number.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHARPNESS = 2.0  # factor before the softmax over texts; the published code fixes it


def text_weights(cls: Tensor, texts: Tensor) -> Tensor:
    """How much each text speaks in each image, 1 on average.

    Args:
        cls: (B, E) unit image features.
        texts: (C, E) unit text features.

    Returns:
        (B, C) softmax over texts of the doubled cosines, divided by its mean.
    """
    shares = torch.softmax(SHARPNESS * (cls @ texts.T), dim=-1)
    return shares / shares.mean(dim=-1, keepdim=True)


def multi_text_surgery(features: Tensor, cls: Tensor, texts: Tensor) -> Tensor:
    """Scores without what all texts have in common.

    Args:
        features: (B, n, E) unit token features.
        cls: (B, E) unit image features, which weigh the texts.
        texts: (C, E) unit text features; with one text all scores are 0.

    Returns:
        (B, n, C).
    """
    weights = text_weights(cls, texts)
    common = weights @ texts / len(texts)
    own = (features @ texts.T) * weights[:, None]
    return own - features @ common[:, :, None]


def single_text_surgery(features: Tensor, texts: Tensor, redundant: Tensor) -> Tensor:
    """Scores without what the empty text has; texts do not influence each other.

    Args:
        features: (..., E) unit token features.
        texts: (C, E) unit text features.
        redundant: (E,) or (1, E), the unit feature of the empty text.

    Returns:
        (..., C).
    """
    return features @ (texts - redundant).T
