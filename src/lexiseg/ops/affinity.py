"""Class-aware attention-based affinity: spreading a CAM along a transformer's attention.

CLIP-ES (Lin et al. 2023, section 3.3), as used by CLIP as RNN (Sun et al. 2024, appendix B).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.ops.contours import component_boxes


def sinkhorn(attention: Tensor, rounds: int = 3) -> Tensor:
    """Normalize columns, then rows, of a positive matrix several times (Sinkhorn 1964).

    Args:
        attention: (n, n), non-negative.
        rounds: number of column-and-row passes.

    Returns:
        (n, n) whose rows sum to 1 and whose columns nearly do.
    """
    for _ in range(rounds):
        attention = attention / attention.sum(dim=0, keepdim=True)
        attention = attention / attention.sum(dim=1, keepdim=True)
    return attention


def symmetric_affinity(attention: Tensor, rounds: int = 3) -> Tensor:
    """The affinity S = (D + D^T) / 2 of Sinkhorn-normalized attention D, (n, n)."""
    balanced = sinkhorn(attention, rounds)
    return (balanced + balanced.T) / 2


def refine(affinity: Tensor, cams: Tensor, box_masks: Tensor, times: int = 2) -> Tensor:
    """Spread what lies inside the boxes by a power of the affinity (Eq. 8 of CaR).

    The published formula raises the affinity to the power t = 2 and multiplies the masked map by
    it; S (S x) is the same without an n x n x n product.

    Args:
        affinity: (n, n) symmetric S.
        cams: (K, n) maps.
        box_masks: (K, n), 1 where a token may speak.
        times: t; 0 leaves the masked maps as they are.

    Returns:
        (K, n), not normalized.
    """
    spread = box_masks * cams
    for _ in range(times):
        spread = spread @ affinity
    return spread


def map_boxes(cam_u8: NDArray[np.uint8], threshold: float) -> NDArray[np.int64]:
    """Boxes around the parts of one map that exceed a share of its maximum.

    Args:
        cam_u8: (h, w) uint8 map.
        threshold: lambda, share of the maximum; lowered by 0.1 while nothing exceeds it.

    Returns:
        (M, 4) int64 x0, y0, x1, y1. The ends are exclusive but clipped to the last column and
        row, which therefore never lie inside a box, as in the released implementations.
    """
    peak = int(cam_u8.max(initial=0))
    binary = cam_u8 > int(threshold * peak)
    while not binary.any() and threshold > 0:
        threshold -= 0.1
        binary = cam_u8 > int(threshold * peak)
    height, width = cam_u8.shape
    boxes = component_boxes(binary)
    clipped: NDArray[np.int64] = np.minimum(boxes, [width, height, width - 1, height - 1])
    return clipped


def boxes_to_mask(boxes: NDArray[np.int64], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Union of x0, y0, x1, y1 boxes with exclusive ends, (h, w) bool."""
    mask = np.zeros(size_hw, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def box_masks(cams: Tensor, size_hw: tuple[int, int], threshold: float) -> Tensor:
    """Where each map's tokens lie in a box around its strong parts.

    Args:
        cams: (K, n) in [0, 1], row-major tokens.
        size_hw: (h, w) of the token grid, h * w = n.
        threshold: lambda of `map_boxes`.

    Returns:
        (K, n) of the maps' dtype, 1 inside; only one uint8 copy of the maps leaves the device.
    """
    maps = (cams * 255).to(torch.uint8).cpu().numpy().reshape(-1, *size_hw)
    masks = [boxes_to_mask(map_boxes(one, threshold), size_hw) for one in maps]
    stacked = np.stack(masks) if masks else np.zeros((0, *size_hw), dtype=bool)
    return torch.from_numpy(stacked).flatten(1).to(cams)
