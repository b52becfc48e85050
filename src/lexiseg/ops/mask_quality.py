"""How steady a mask is, and its repair (Kirillov et al. 2023, appendix B)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from lexiseg.ops.foreground import count_cells

NEIGHBORS = np.ones((3, 3), dtype=bool)


def stability_score(logits: Tensor, offset: float = 1.0, threshold: float = 0.0) -> Tensor:
    """IoU of the masks at a raised and at a lowered threshold.

    Args:
        logits: (..., H, W).
        offset: how far the threshold is moved each way.
        threshold: where the mask begins.

    Returns:
        (...) float32 in [0, 1]; 0 where even the larger mask is empty.

    Example:
        >>> import torch
        >>> stability_score(torch.tensor([[2.0, 0.5], [-0.5, -2.0]]))
        tensor(0.3333)
    """
    # The smaller mask lies inside the larger one.
    inner = count_cells((logits > threshold + offset).flatten(-2))
    outer = count_cells((logits > threshold - offset).flatten(-2))
    return inner / outer.clamp_min(1)


def remove_small_regions(mask: NDArray[np.bool_], min_area: int) -> NDArray[np.bool_]:
    """Fill holes and remove islands below an area; regions connect over corners too.

    If all islands are small, the largest stays.

    Args:
        mask: (H, W) bool.
        min_area: pixels.

    Returns:
        (H, W) bool.
    """
    filled = mask | _small(~mask, min_area)
    small = _small(filled, min_area)
    if not filled.any() or (filled & ~small).any():
        return filled & ~small
    labels, _ = ndimage.label(filled, NEIGHBORS)
    largest: NDArray[np.bool_] = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return largest


def _small(mask: NDArray[np.bool_], min_area: int) -> NDArray[np.bool_]:
    """The connected regions below an area."""
    labels, _ = ndimage.label(mask, NEIGHBORS)
    areas = np.bincount(labels.ravel())
    areas[0] = min_area
    small: NDArray[np.bool_] = (areas < min_area)[labels]
    return small
