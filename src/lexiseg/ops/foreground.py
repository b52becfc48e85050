"""Which cells belong to a class, and how far a mask agrees with them (TIDES, steps C and E).

Cells are flattened: class maps are (C, cells), masks (N, cells) bool. Sums over cells are matrix
products of 0/1 masks, a bounded number of masks at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

ForegroundRule: TypeAlias = Literal["background", "raw-background", "joint-background", "min-max"]
CHUNK_ELEMENTS = 2**24  # masks x cells turned into floats together, 64 MB


def normalize_scores(scores: Tensor) -> Tensor:
    """Stretch every row of (..., cells) to [0, 1]; a constant row becomes 0."""
    low, high = scores.aminmax(dim=-1, keepdim=True)
    return (scores - low) / (high - low).clamp_min(torch.finfo(scores.dtype).tiny)


def foreground_probability(
    scores: Tensor,
    background: Tensor,
    rule: ForegroundRule = "background",
    temperature: float = 100.0,
    normalize: Callable[[Tensor], Tensor] = normalize_scores,
) -> Tensor:
    """How much each cell speaks for a class rather than for the background text.

    Args:
        scores: (C, cells) patch-text scores as they come from a scorer.
        background: (cells,) scores of the background text.
        rule: "background": softmax of one class against the background, both min-max
            normalized; "raw-background": the same softmax on raw scores, min-max normalized
            afterwards; "joint-background": softmax over all given classes and the background, all
            min-max normalized; "min-max": no softmax, the normalized scores themselves.
        temperature: factor before the softmax. With 1 the rule "background" is always above 0.26.
        normalize: what takes the place of min-max normalization of each map.

    Returns:
        (C, cells) in [0, 1]; foreground is where it exceeds 0.1.
    """
    if rule == "raw-background":
        return normalize(torch.sigmoid(temperature * (scores - background)))
    normalized = normalize(scores)
    if rule == "min-max":
        return normalized
    rival = normalize(background)
    if rule == "background":
        return torch.sigmoid(temperature * (normalized - rival))
    joint = torch.cat([normalized, rival[None]]).mul_(temperature)
    return joint.softmax(dim=0)[:-1]


def split_rows(masks: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Masks (N, cells) as numbers, a bounded number of rows at a time, with their position."""
    rows = max(1, CHUNK_ELEMENTS // max(1, masks.shape[1]))
    for start in range(0, len(masks), rows):
        yield slice(start, start + rows), masks[start : start + rows].to(dtype)


def count_cells(masks: Tensor) -> Tensor:
    """Cells of each mask, (...) int64 of (..., cells) bool.

    On a processor NumPy counts, which is some ten times faster at it.

    Example:
        >>> count_cells(torch.tensor([[True, False, True], [False, False, False]]))
        tensor([2, 0])
    """
    if masks.device.type != "cpu":
        return masks.sum(dim=-1)
    return torch.from_numpy(np.asarray(np.count_nonzero(masks.numpy(), axis=-1)))


def sum_inside(masks: Tensor, values: Tensor) -> Tensor:
    """Sum of every map inside every mask.

    Args:
        masks: (N, cells) bool.
        values: (C, cells) float, or bool to count cells.

    Returns:
        (N, C), float32 or the dtype of `values`.
    """
    numbers = values if values.is_floating_point() else values.float()
    total = numbers.new_empty(len(masks), len(numbers))
    for rows, part in split_rows(masks, numbers.dtype):
        total[rows] = part @ numbers.T
    return total


@dataclass(frozen=True)
class ForegroundOverlap:
    """Cells that masks share with class foregrounds.

    Attributes:
        shared: (N, C) number of cells in mask and foreground.
        mask_area: (N,) cells of each mask.
        foreground_area: (C,) cells of each foreground.
    """

    shared: Tensor
    mask_area: Tensor
    foreground_area: Tensor

    @property
    def iou(self) -> Tensor:
        """(N, C) intersection over union; 0 where both are empty."""
        union = self.mask_area[:, None] + self.foreground_area - self.shared
        return self.shared / union.clamp_min(1)

    @property
    def coverage(self) -> Tensor:
        """(N, C) share of the mask that is foreground."""
        return self.shared / self.mask_area[:, None].clamp_min(1)


def foreground_overlap(masks: Tensor, foreground: Tensor) -> ForegroundOverlap:
    """Compare masks (N, cells) bool with class foregrounds (C, cells) bool.

    Example:
        >>> import torch
        >>> masks = torch.tensor([[True, True, False, False]])
        >>> foreground_overlap(masks, torch.tensor([[False, True, True, True]])).iou
        tensor([[0.2500]])
    """
    return ForegroundOverlap(
        sum_inside(masks, foreground),
        count_cells(masks).float(),
        count_cells(foreground).float(),
    )


def component_iou(masks: Tensor, points: Tensor, foreground: Tensor) -> Tensor:
    """IoU of masks with only that connected part of a foreground which holds their prompt.

    Args:
        masks: (N, cells) bool.
        points: (N,) int64, the cell each mask was prompted with.
        foreground: (C, rows, columns) bool; parts touch at edges.

    Returns:
        (N, C) float32; 0 where the prompt is outside a class's foreground.
    """
    columns = [masks.new_zeros(len(masks), 0).float()]
    for one in foreground:
        found, _ = ndimage.label(one.cpu().numpy())
        labels = torch.from_numpy(np.asarray(found)).to(masks.device, torch.long).flatten()
        own = labels[points]
        shared = masks.new_zeros(len(masks), dtype=torch.float32)
        for rows, part in split_rows(masks, torch.bool):
            shared[rows] = count_cells(part & (labels == own[rows, None])).float()
        union = count_cells(masks) + torch.bincount(labels)[own] - shared
        iou = torch.where(own > 0, shared / union.clamp_min(1), 0)
        columns.append(iou[:, None])
    return torch.cat(columns, dim=1)


def semantic_scores(
    masks: Tensor,
    scores: Tensor,
    foreground: Tensor,
    divisor: Literal["mask", "foreground"] = "mask",
) -> Tensor:
    """Average class score of every mask (TIDES, step E).

    Args:
        masks: (N, cells) bool.
        scores: (C, cells) min-max normalized scores.
        foreground: (C, cells) bool; only these cells of a mask count.
        divisor: divide the sum by all cells of the mask, or by its foreground cells.

    Returns:
        (N, C) in [0, 1]; 0 for a mask without foreground.
    """
    total = sum_inside(masks, scores * foreground)
    if divisor == "mask":
        cells = count_cells(masks)[:, None]
    else:
        cells = sum_inside(masks, foreground)
    return total / cells.clamp_min(1)
