"""Video object segmentation: J, F and their mean as DAVIS 2017 defines them.

J is region IoU; F is the harmonic mean of boundary precision and recall, boundaries matching
within 0.8 % of the picture's diagonal (Perazzi et al., CVPR 2016).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from lexiseg.errors import UsageError

Mask = NDArray[np.bool_]
BOUND = 0.008
"""Tolerance of a boundary match as a share of the diagonal."""


def region_similarity(truth: Mask, answer: Mask, void: Mask | None = None) -> float:
    """J in [0, 1]: IoU of two (H, W) masks outside `void`; 1 where both are empty."""
    truth, answer = _without_void(truth, answer, void)
    either = np.count_nonzero(truth | answer)
    return float(np.count_nonzero(truth & answer) / either) if either else 1.0


def boundary_f(
    truth: Mask, answer: Mask, void: Mask | None = None, *, bound: float = BOUND
) -> float:
    """F in [0, 1] of two (H, W) masks outside `void`.

    Args:
        truth: true mask.
        answer: predicted mask.
        void: pixels that do not count.
        bound: reach of a match, as a share of the diagonal, or in pixels from 1 on.
    """
    truth, answer = _without_void(truth, answer, void)
    reach = bound if bound >= 1 else float(np.ceil(bound * np.hypot(*truth.shape)))
    true_line, found_line = boundary(truth), boundary(answer)
    true_count, found_count = np.count_nonzero(true_line), np.count_nonzero(found_line)
    if not true_count or not found_count:
        return float(true_count == found_count)
    precision = np.count_nonzero(found_line & _within(true_line, reach)) / found_count
    recall = np.count_nonzero(true_line & _within(found_line, reach)) / true_count
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def boundary(mask: Mask) -> Mask:
    """Pixels whose right, lower or lower right neighbour is on the other side of the edge."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    right, below, across = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    line: Mask = (here != right) | (here != below) | (here != across)
    return line


def _within(line: Mask, reach: float) -> Mask:
    """Dilation by a disk: everything at most `reach` pixels away from the line."""
    near: Mask = np.asarray(distance_transform_edt(~line) <= reach)
    return near


def _without_void(truth: Mask, answer: Mask, void: Mask | None) -> tuple[Mask, Mask]:
    if truth.shape != answer.shape:
        raise UsageError(f"Truth has size {truth.shape} but the answer {answer.shape}.")
    truth, answer = truth.astype(bool), answer.astype(bool)
    return (truth, answer) if void is None else (truth & ~void, answer & ~void)


@dataclass
class VideoScore:
    """J and F frame by frame for one object of one clip."""

    region: list[float] = field(default_factory=list)
    boundary: list[float] = field(default_factory=list)

    def update(self, truth: Mask, answer: Mask, void: Mask | None = None) -> None:
        """Add one frame."""
        self.region.append(region_similarity(truth, answer, void))
        self.boundary.append(boundary_f(truth, answer, void))

    def compute(self) -> dict[str, float]:
        """``j``, ``f`` (means over frames), ``jf`` and the shares of frames above one half."""
        j, f = np.array(self.region), np.array(self.boundary)
        return {
            "j": float(j.mean()),
            "f": float(f.mean()),
            "jf": float((j.mean() + f.mean()) / 2),
            "j_recall": float((j > 0.5).mean()),
            "f_recall": float((f > 0.5).mean()),
        }
