"""Overlap of masks, straight from their run lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.types import Mask


def mask_ious(
    found: Sequence[Mask], true: Sequence[Mask], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """IoU of every found with every true mask; no mask is unpacked.

    Args:
        found: D masks.
        true: G masks of the same image.
        crowd: (G,) bool; with a crowd region the overlap is the share of the *found* mask that
            lies in it, since it may hold any number of objects (COCO's rule).

    Returns:
        (D, G) float64 in [0, 1]; 0 where both are empty.

    Example:
        >>> one, two = np.eye(2, dtype=bool), np.ones((2, 2), dtype=bool)
        >>> masks = [Mask.from_array(one)], [Mask.from_array(two)] * 2
        >>> mask_ious(*masks, np.array([False, True])).tolist()
        [[0.5, 1.0]]
    """
    both = intersections(found, true)
    own = np.array([mask.area for mask in found], dtype=np.float64)[:, None]
    theirs = np.array([mask.area for mask in true], dtype=np.float64)
    whole = np.where(crowd, own, own + theirs - both)
    return np.divide(both, whole, out=np.zeros_like(both), where=both > 0)


def intersections(found: Sequence[Mask], true: Sequence[Mask]) -> NDArray[np.float64]:
    """(D, G) number of shared pixels."""
    ends = [np.cumsum(mask.counts) for mask in found]
    starts = [end[: len(end) // 2 * 2 : 2] for end in ends]
    stops = [end[1::2] for end in ends]
    owner = np.repeat(np.arange(len(found)), [len(stop) for stop in stops])
    shared = np.zeros((len(found), len(true)))
    if not len(owner):
        return shared
    first, last = np.concatenate(starts), np.concatenate(stops)
    for column, mask in enumerate(true):
        inside = _pixels_before(mask, last) - _pixels_before(mask, first)
        shared[:, column] = np.bincount(owner, inside, minlength=len(found))
    return shared


def _pixels_before(mask: Mask, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many pixels of a mask lie before places in column order."""
    filled = np.arange(len(mask.counts)) % 2
    edges = np.concatenate([[0], np.cumsum(mask.counts)])
    before = np.concatenate([[0], np.cumsum(mask.counts * filled)])
    run = np.searchsorted(edges, places, side="right") - 1
    pixels: NDArray[np.int64] = before[run] + (places - edges[run]) * (run % 2)
    return pixels
