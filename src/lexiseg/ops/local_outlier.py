"""Local outlier factor of patch tokens and the repair of what it finds (SC-CLIP, Bai et al. 2025).

The published code takes a point's own k-distance as every reach distance, which reduces the factor
to d_i times the mean over i's neighbors j of 1 / d_j, with d the squared distance to the k-th
neighbor. Windows of a batch are independent of each other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def outlier_factors(points: Tensor, neighbors: int = 30) -> Tensor:
    """How much sparser the surroundings of each point are than those of its neighbors.

    Args:
        points: (B, n, D).
        neighbors: k; fewer if there are not as many other points.

    Returns:
        (B, n) float32, about 1 for ordinary points, larger for outliers.
    """
    if points.shape[1] < 2:
        return torch.ones(points.shape[:2], device=points.device)
    centered = (points - points.mean(dim=1, keepdim=True)).float()  # spares rounding errors
    squares = centered.square().sum(dim=-1)
    distances = squares[:, :, None] + squares[:, None] - 2 * centered @ centered.mT
    distances.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    count = min(neighbors, points.shape[1] - 1)
    near, index = distances.clamp_min_(0).topk(count, dim=-1, largest=False)
    reach = near[:, :, -1].clamp_min(1e-20)  # equal tokens must not divide by 0
    return reach * _pick(1 / reach, index).mean(dim=-1)


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """Values (B, n) at indices (B, m, k) of their own row of the batch."""
    return values[:, None].expand(-1, index.shape[1], -1).gather(2, index)


def find_outliers(factors: Tensor, quantile: float = 0.95) -> Tensor:
    """Points strictly above a quantile (linear interpolation) of their image's factors, (B, n)."""
    return factors > torch.quantile(factors, quantile, dim=-1, keepdim=True)


def repair(tokens: Tensor, outliers: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Replace outliers by the mean of those of their eight neighbors that are none.

    Args:
        tokens: (B, n, D), row by row.
        outliers: (B, n) bool.
        grid_hw: rows and columns.

    Returns:
        (B, n, D); an outlier among outliers stays as it is.
    """
    batch, _, width = tokens.shape
    sound = (~outliers).to(tokens.dtype).view(batch, 1, *grid_hw)
    image = tokens.mT.reshape(batch, width, *grid_hw) * sound
    count = 9 * F.avg_pool2d(sound, 3, stride=1, padding=1)
    total = 9 * F.avg_pool2d(image, 3, stride=1, padding=1)
    mean = (total / count.clamp_min(1)).flatten(2).mT
    replaced = outliers & (count.flatten(1) > 0.5)
    return torch.where(replaced[:, :, None], mean, tokens)
