"""Greedy non-maximum suppression of masks on cells, many at a time (TIDES, step D)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from lexiseg.ops.foreground import CHUNK_ELEMENTS, count_cells

Overlap: TypeAlias = Callable[[Tensor, Tensor], Tensor]
FIRST_BLOCK, BLOCK = 16, 256  # candidates whose overlap with all later ones is computed together


def mask_iou(masks: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of (N, cells) bool with (M, cells) bool, (N, M) float32.

    Example:
        >>> import torch
        >>> mask_iou(torch.tensor([[True, True]]), torch.tensor([[True, False], [False, False]]))
        tensor([[0.5000, 0.0000]])
    """
    count = _shared_bits if masks.device.type == "cpu" else _shared_products
    shared = count(masks, others)
    union = count_cells(masks)[:, None] + count_cells(others) - shared
    return (shared / union.clamp_min(1)).float()


def _shared_bits(masks: Tensor, others: Tensor) -> Tensor:
    """Cells of each two masks' intersections, (N, M) float64, 64 cells at a time."""
    one, other = _packed(masks), _packed(others)
    shared = np.empty((len(one), len(other)))
    for row, bits in enumerate(one):
        shared[row] = np.bitwise_count(bits & other).sum(axis=1, dtype=np.int64)
    return torch.from_numpy(shared)


def _packed(masks: Tensor) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    count, cells = masks.shape
    words = np.zeros((count, -(-cells // 64) * 8), np.uint8)
    words[:, : -(-cells // 8)] = np.packbits(masks.numpy(), axis=1)
    return words.view(np.uint64)


def _shared_products(masks: Tensor, others: Tensor) -> Tensor:
    """The same by matrix products of a part of the cells, for an accelerator."""
    shared = torch.zeros(len(masks), len(others), dtype=torch.float64, device=masks.device)
    cells = max(1, CHUNK_ELEMENTS // max(1, len(masks) + len(others)))
    for start in range(0, masks.shape[1], cells):
        one, other = (rows[:, start : start + cells].float() for rows in (masks, others))
        shared += one @ other.T
    return shared


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of boxes xyxy, (N, 4) with (M, 4), giving (N, M)."""
    top_left = torch.maximum(boxes[:, None, :2], others[:, :2])
    bottom_right = torch.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = (bottom_right - top_left).clamp_min(0).prod(dim=-1)
    first, second = (b[:, 2:].sub(b[:, :2]).prod(dim=-1) for b in (boxes, others))
    return shared / (first[:, None] + second - shared).clamp_min(torch.finfo(torch.float32).tiny)


def cell_boxes(masks: Tensor) -> Tensor:
    """Tight boxes (N, 4) float32 xyxy, right and bottom exclusive, of (N, rows, columns) bool.

    An empty mask has the box (0, 0, 0, 0).
    """
    spans = []
    for axis in (1, 2):  # projections on columns, then on rows
        hit = masks.view(torch.uint8).amax(dim=axis).float()  # some five times as fast as any()
        first, last = hit.argmax(dim=1), hit.shape[1] - hit.flip(1).argmax(dim=1)
        spans.append((first, torch.where(hit.amax(dim=1) > 0, last, first)))
    (left, right), (top, bottom) = spans
    return torch.stack([left, top, right, bottom], dim=1).float()


def rank(*keys: Tensor) -> Tensor:
    """Positions from the largest to the smallest first key; later keys, then the index, break ties.

    Example:
        >>> import torch
        >>> rank(torch.tensor([0.5, 0.9, 0.5]), torch.tensor([1.0, 0.0, 2.0]))
        tensor([1, 2, 0])
    """
    order = torch.arange(len(keys[0]), device=keys[0].device)
    for key in reversed(keys):
        order = order[key[order].argsort(descending=True, stable=True)]
    return order


def suppress(order: Tensor, overlap: Overlap, threshold: float = 0.7) -> Tensor:
    """Keep every candidate that overlaps no better kept one by more than a threshold.

    Args:
        order: (N,) int64 candidate ids, best first.
        overlap: two id tensors (n,), (m,) -> (n, m) overlaps, e.g.
            ``lambda a, b: mask_iou(masks[a], masks[b])``.
        threshold: an overlap above it suppresses.

    Returns:
        Kept ids, best first.

    Example:
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4.1], [5, 5, 6, 6]])
        >>> suppress(torch.arange(3), lambda a, b: box_iou(boxes[a], boxes[b]))
        tensor([0, 2])
    """
    kept, size = [], FIRST_BLOCK
    while len(order):
        # The best few suppress most of the rest: then later, larger blocks have little to do.
        block = order[:size]
        crossing = (overlap(block, order) > threshold).cpu()
        alive = torch.ones(len(order), dtype=torch.bool)
        for row in range(len(block)):
            if alive[row]:
                alive[row + 1 :] &= ~crossing[row, row + 1 :]
        alive = alive.to(order.device)
        kept.append(block[alive[: len(block)]])
        order, size = order[size:][alive[size:]], min(2 * size, BLOCK)
    return torch.cat(kept) if kept else order
