"""Candidates with classes to one segment per pixel, as Mask2Former, FC-CLIP and MAFT+ do it.

Cheng et al. 2021 (MaskFormer), Section 3.4, with the steps and comparisons of the released code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.ops.mask_cost import full_size

CLASSES_AT_ONCE = 128  # whose maps are held together


@dataclass(frozen=True)
class PanopticThresholds:
    """When a candidate takes part, and when a segment stays.

    Args:
        object_mask: the score of a candidate must be above.
        overlap: share of a candidate's own area that it must win.
    """

    object_mask: float = 0.8
    overlap: float = 0.8


@dataclass(frozen=True)
class WonSegments:
    """One segment per pixel.

    Args:
        ids: (H, W) int32; 0 is no segment.
        classes: of segment 1, 2, ...
        queries: the candidate that made each of them; of merged stuff the first one.
        survived: (Q,) bool, candidates whose pixels are in the map.
        scored: (Q,) bool, candidates that are no void and above the threshold.
    """

    ids: NDArray[np.int32]
    classes: tuple[int, ...]
    queries: tuple[int, ...]
    survived: NDArray[np.bool_]
    scored: NDArray[np.bool_]


def panoptic_inference(
    probabilities: Tensor,
    logits: Tensor,
    size_hw: tuple[int, int],
    is_thing: NDArray[np.bool_],
    thresholds: PanopticThresholds,
) -> WonSegments:
    """Give every pixel to the candidate of the largest score times mask probability.

    A candidate keeps what it won of its own mask (probability at least 0.5), unless it won less
    than a share of it; stuff of one class is one segment.

    Args:
        probabilities: (Q, C + 1), the last column is void.
        logits: (Q, h, w) of the masks; they are scaled to the image, a few at a time.
        size_hw: height and width of the image in pixels.
        is_thing: (C,) bool; other classes are stuff.
        thresholds: of scores and overlap.

    Returns:
        The segments, numbered from 1 in the order of the candidates.

    Example:
        >>> import numpy as np, torch
        >>> masks = torch.tensor([[[3.0, -3.0]], [[-3.0, 3.0]]])
        >>> scores = torch.tensor([[0.9, 0.0, 0.1], [0.1, 0.8, 0.1]])
        >>> won = panoptic_inference(
        ...     scores, masks, (1, 2), np.array([True, True]), PanopticThresholds(0.5, 0.8)
        ... )
        >>> won.ids.tolist(), won.classes
        ([[1, 2]], (0, 1))
    """
    score, label = probabilities.max(dim=1)
    scored = (label != probabilities.shape[1] - 1) & (score > thresholds.object_mask)
    kept = scored.nonzero()[:, 0]
    owner, inside, original = _owners(score[kept], logits[kept], size_hw)
    won = np.bincount(owner.ravel(), minlength=len(kept))
    final = np.bincount(owner[inside], minlength=len(kept))
    stays = (final > 0) & (won / np.maximum(original, 1) >= thresholds.overlap)
    numbers, classes, queries = _numbered(label[kept].tolist(), kept.tolist(), stays, is_thing)
    ids = np.where(inside, numbers[owner], 0).astype(np.int32)
    survived = np.zeros(len(logits), dtype=bool)
    survived[kept.numpy()] = stays
    return WonSegments(ids, classes, queries, survived, scored.numpy())


def semantic_inference(
    classes: Tensor, logits: Tensor, size_hw: tuple[int, int]
) -> NDArray[np.int64]:
    """The class of every pixel by the sum of class times mask probability over all candidates.

    Args:
        classes: (Q, C) probabilities without void.
        logits: (Q, h, w) of the masks.
        size_hw: height and width of the image in pixels.

    Returns:
        (H, W) int64; the first of equal classes.
    """
    pixels, best = size_hw[0] * size_hw[1], torch.empty(0)
    label = torch.zeros(pixels, dtype=torch.int64)
    for first in range(0, classes.shape[1], CLASSES_AT_ONCE):
        block = classes[:, first : first + CLASSES_AT_ONCE]
        scores, row = torch.zeros(block.shape[1], pixels), 0
        for part in full_size(logits, size_hw):
            scores += block[row : row + len(part)].T @ part.sigmoid()
            row += len(part)
        top, place = scores.max(dim=0)
        better = top > best if first else torch.ones(pixels, dtype=torch.bool)
        label[better] = place[better] + first
        best = torch.maximum(best, top) if first else top
    return label.reshape(size_hw).numpy()


def _owners(
    scores: Tensor, logits: Tensor, size_hw: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]]:
    """Who wins each pixel (the first of equals), if in its own mask, and areas of the masks."""
    pixels = size_hw[0] * size_hw[1]
    best = torch.full((pixels,), -torch.inf)
    owner = torch.zeros(pixels, dtype=torch.int32)
    inside = torch.zeros(pixels, dtype=torch.bool)
    areas: list[int] = []
    for part in full_size(logits, size_hw):
        for mask in part.sigmoid():
            own, weighted = mask >= 0.5, scores[len(areas)] * mask
            better = weighted > best
            owner.masked_fill_(better, len(areas))
            torch.maximum(best, weighted, out=best)
            inside = torch.where(better, own, inside)
            areas.append(int(own.sum()))
    original = np.array(areas, dtype=np.int64)
    return owner.reshape(size_hw).numpy(), inside.reshape(size_hw).numpy(), original


def _numbered(
    labels: list[int], queries: list[int], stays: NDArray[np.bool_], is_thing: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], tuple[int, ...], tuple[int, ...]]:
    """The segment of each candidate, 0 for none, with classes and first candidates of segments."""
    numbers = np.zeros(max(1, len(labels)), dtype=np.int32)
    stuff: dict[int, int] = {}
    classes, makers = [], []
    for place, label in enumerate(labels):
        if not stays[place]:
            continue
        if not is_thing[label] and label in stuff:
            numbers[place] = stuff[label]
            continue
        classes.append(label)
        makers.append(queries[place])
        numbers[place] = len(classes)
        if not is_thing[label]:
            stuff[label] = len(classes)
    return numbers, tuple(classes), tuple(makers)
