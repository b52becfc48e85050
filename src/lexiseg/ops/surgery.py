"""CLIP Surgery's feature surgery in closed form (Li et al. 2023, section 3.3).

The published procedure multiplies features and texts element by element, subtracts the mean over
texts and sums over channels, which takes a (tokens, texts, channels) array. Sums and means commute:
a score is w_t F.T_t less the mean of w_u F.T_u over all texts u, and that mean is the product of F
with one mean text. So an image costs two matrix products, and texts may come in any number.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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


def similarity_maps(scores: Tensor, grid_hw: tuple[int, int], size_hw: tuple[int, int]) -> Tensor:
    """Patch scores (B, n, C), min-max normalized per image and text, at image size (B, H, W, C)."""
    low, high = scores.aminmax(dim=1, keepdim=True)
    normal = (scores - low) / (high - low)
    square = normal.mT.reshape(len(scores), -1, *grid_hw)
    enlarged = F.interpolate(square, size_hw, mode="bilinear", align_corners=False)
    return enlarged.permute(0, 2, 3, 1)


def select_points(
    scores: Tensor, grid_hw: tuple[int, int], size_hw: tuple[int, int], threshold: float = 0.8
) -> tuple[Tensor, Tensor]:
    """Point prompts from one text's patch scores: the highest patches and as many of the lowest.

    Args:
        scores: (n,) of one text.
        grid_hw: rows and columns of patches.
        size_hw: height and width of the image in pixels.
        threshold: min-max normalized scores of at least this are candidates, at half the
            resolution and up to half of its cells.

    Returns:
        Points (2k, 2) int64, x and y in pixels, and labels (2k,) int64, 1 for the k highest.
    """
    half_hw = (grid_hw[0] // 2, grid_hw[1] // 2)
    half = F.interpolate(
        scores.reshape(1, 1, *grid_hw), half_hw, mode="bilinear", align_corners=False
    ).flatten()
    normal = (half - half.min()) / (half.max() - half.min())
    order = normal.argsort(stable=True)
    count = min(int((normal >= threshold).sum()), len(normal) // 2)
    chosen = torch.cat([order[len(order) - count :], order[:count]])
    rows, columns = chosen // half_hw[1], chosen % half_hw[1]
    x, y = (
        ((place + 0.5) * size / side).long()
        for place, size, side in ((columns, size_hw[1], half_hw[1]), (rows, size_hw[0], half_hw[0]))
    )
    labels = (torch.arange(2 * count, device=scores.device) < count).long()
    return torch.stack([x, y], dim=1), labels
