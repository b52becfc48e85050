"""Rebuild what Mask2Former's matcher gives: dense costs, and assignments, also on points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match, read_arrays
from lexiseg.ops.mask_cost import mask_costs

RULES = {"*_idx": Tolerance(0.0), "dense_*": Tolerance(1e-4)}


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return (folder / "matcher.npz").is_file()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every cost and every assignment."""
    arrays = read_arrays(folder / "matcher.npz")
    names = [name for name in arrays if name.endswith(("_idx", "_bce", "_dice"))]
    yield from compare_all(_made(arrays), arrays, names, first_match(RULES))


def _made(arrays: dict[str, NDArray[Any]]) -> Iterator[tuple[str, object]]:
    shape = arrays["gt_shape"]
    bits = np.unpackbits(arrays["gt_masks_packed"], axis=1)[:, : shape.prod()]
    true = torch.from_numpy(bits.reshape(-1, *shape))
    logits = torch.from_numpy(arrays["pred_masks"])
    entropy, dice = (cost.numpy() for cost in mask_costs(logits, true))
    yield from (("dense_bce", entropy), ("dense_dice", dice))
    chances = torch.from_numpy(arrays["pred_logits"][0]).softmax(dim=1).numpy()
    by_class = -chances[:, arrays["gt_labels"]]
    for name in arrays:
        if found := re.fullmatch(r"dense_(\d+)_(\d+)_pred_idx", name):
            weights = (0, int(found[1]), int(found[2]))
            yield from _pairs(name, weights, by_class, entropy, dice)
        if found := re.fullmatch(r"w(\d+)_(\d+)_(\d+)_pred_idx", name):
            points = torch.from_numpy(arrays[name.replace("pred_idx", "points")])
            at = mask_costs(_sampled(logits, points), _sampled(true, points))
            weights = (int(found[1]), int(found[2]), int(found[3]))
            yield from _pairs(name, weights, by_class, *(cost.numpy() for cost in at))


def _sampled(masks: Tensor, points: Tensor) -> Tensor:
    """Values of (N, h, w) masks at (P, 2) points within 0..1, (N, 1, P)."""
    grid = (2 * points - 1).float()[None, None]
    return grid_sample(masks.float()[None], grid, align_corners=False)[0]


def _pairs(
    name: str,
    weights: tuple[int, int, int],
    by_class: NDArray[Any],
    entropy: NDArray[Any],
    dice: NDArray[Any],
) -> Iterator[tuple[str, object]]:
    cost = weights[0] * by_class + weights[1] * entropy + weights[2] * dice
    found, true = linear_sum_assignment(cost)
    yield from ((name, found), (name.replace("pred_idx", "gt_idx"), true))
