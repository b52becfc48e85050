"""The IO score: how typical a mask is among all masks of its class (TIDES, step D).

A whole object is found by many prompts, so masks of whole objects lie close together in the space
of score histograms, while parts and groups scatter. The density of that space ranks the masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from lexiseg.ops.foreground import count_cells, sum_inside

DensityRule: TypeAlias = Literal["relative", "absolute", "absolute-or-best", "quantile"]
ClusterRule: TypeAlias = Literal["largest", "densest"]
KERNEL_ROWS = 1024  # rows of the N x N kernel that exist at the same time


@dataclass(frozen=True)
class HistogramRule:
    """How a mask becomes a point in the space of histograms.

    Attributes:
        bins: B, equal bins from `low` to 1; the last one includes 1, the first all below `low`.
        cells: count the mask's cells in the class foreground, or all of them.
        divisor: divide counts by the counted cells, so that they sum to 1, or by all cells of the
            mask, which keeps how pure the mask is.
        low: where the first bin starts.
    """

    bins: int = 40
    cells: Literal["foreground", "mask"] = "foreground"
    divisor: Literal["counted", "mask"] = "counted"
    low: float = 0.0


HISTOGRAM = HistogramRule()


def score_histograms(
    masks: Tensor, scores: Tensor, foreground: Tensor, rule: HistogramRule = HISTOGRAM
) -> Tensor:
    """Histogram of one class's scores inside every mask.

    Args:
        masks: (N, cells) bool.
        scores: (cells,) min-max normalized scores of the class.
        foreground: (cells,) bool.
        rule: what is counted.

    Returns:
        (N, bins) in [0, 1], dtype of `scores`.

    Example:
        >>> import torch
        >>> masks = torch.tensor([[True, True, False]])
        >>> everywhere = torch.ones(3, dtype=torch.bool)
        >>> rule = HistogramRule(bins=2)
        >>> score_histograms(masks, torch.tensor([0.1, 0.9, 0.5]), everywhere, rule)
        tensor([[0.5000, 0.5000]])
    """
    chosen = foreground if rule.cells == "foreground" else torch.ones_like(foreground)
    bins = ((scores[chosen] - rule.low) / (1 - rule.low) * rule.bins).long()
    members = torch.nn.functional.one_hot(bins.clamp_(0, rule.bins - 1), rule.bins)
    inside = masks if chosen.all() else masks[:, chosen]
    counts = sum_inside(inside, members.T.to(scores.dtype))
    divided = counts.sum(dim=1) if rule.divisor == "counted" else count_cells(masks)
    return counts / divided.clamp_min(1)[:, None]


def _kernel_rows(
    points: Tensor, others: Tensor, bandwidth: float
) -> Iterator[tuple[slice, Tensor]]:
    """exp(-|x - y|^2 / (2 h^2)) for blocks of `points` against all `others`."""
    squares = (others * others).sum(dim=1)
    for start in range(0, len(points), KERNEL_ROWS):
        block = points[start : start + KERNEL_ROWS]
        distances = (block * block).sum(dim=1, keepdim=True) + squares - 2 * (block @ others.T)
        kernel = distances.clamp_min_(0).mul_(-0.5 / bandwidth**2).exp_()
        yield slice(start, start + KERNEL_ROWS), kernel


def instance_scores(histograms: Tensor, bandwidth: float = 0.5) -> Tensor:
    """Gaussian kernel density of every point among all of them, itself included.

    Args:
        histograms: (N, B), one row per mask of one class.
        bandwidth: h.

    Returns:
        (N,) f_IO in (1/N, 1].

    Example:
        >>> import torch
        >>> instance_scores(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor([1., 1.])
    """
    density = histograms.new_empty(len(histograms))
    for rows, kernel in _kernel_rows(histograms, histograms, bandwidth):
        density[rows] = kernel.mean(dim=1)
    return density


def dense_enough(density: Tensor, rule: DensityRule = "relative", threshold: float = 0.9) -> Tensor:
    """Which points pass the density threshold.

    Args:
        density: (N,) of `instance_scores`.
        rule: "relative": at least `threshold` of the largest density; "absolute": at least
            `threshold`; "absolute-or-best": the same, or the single densest if none passes;
            "quantile": at least that quantile of the densities.
        threshold: in [0, 1].

    Returns:
        (N,) bool.
    """
    if not len(density):
        return torch.zeros_like(density, dtype=torch.bool)
    if rule == "relative":
        return density >= threshold * density.max()
    if rule == "quantile":
        return density >= torch.quantile(density, threshold)
    passed = density >= threshold
    if rule == "absolute-or-best" and not passed.any():
        passed[density.argmax()] = True
    return passed


def main_cluster(
    histograms: Tensor,
    density: Tensor,
    rule: ClusterRule = "largest",
    min_kernel: float = 0.9,
    bandwidth: float = 0.5,
) -> Tensor:
    """Members of one connected component of the graph that joins points of a large kernel.

    Args:
        histograms: (N, B).
        density: (N,); only "densest" looks at it.
        rule: "largest": the component with most members; "densest": with the largest summed
            density. The component of the lowest index wins a tie.
        min_kernel: pairs with at least this kernel value are neighbors.
        bandwidth: h.

    Returns:
        (N,) bool.
    """
    component = _components(histograms, min_kernel, bandwidth)
    if not len(component):
        return component.bool()
    weight = density if rule == "densest" else torch.ones_like(density)
    total = weight.new_zeros(int(component.max()) + 1).index_add_(0, component, weight)
    return component == total.argmax()


def _components(points: Tensor, min_kernel: float, bandwidth: float) -> Tensor:
    """Number of the component of every point; each point's kernel row is made once."""
    component = torch.full((len(points),), -1, dtype=torch.long, device=points.device)
    count = 0
    while (component < 0).any():
        frontier = (component < 0).nonzero()[:1, 0]
        while len(frontier):
            component[frontier] = count
            free = (component < 0).nonzero()[:, 0]
            reached = torch.zeros(len(free), dtype=torch.bool, device=points.device)
            for _, kernel in _kernel_rows(points[frontier], points[free], bandwidth):
                reached |= (kernel >= min_kernel).any(dim=0)
            frontier = free[reached]
        count += 1
    return component


def mean_shift(histograms: Tensor, bandwidth: float = 0.5, steps: int = 20) -> Tensor:
    """Move every point uphill to a mode of the density (Comaniciu and Meer 2002).

    Args:
        histograms: (N, B).
        bandwidth: h.
        steps: moves to the kernel-weighted mean of the original points.

    Returns:
        (N, B); points of one cluster end at the same place, so `main_cluster` of the result with
        a `min_kernel` near 1 picks a cluster.
    """
    shifted = histograms
    for _ in range(steps):
        moved = torch.empty_like(shifted)
        for rows, kernel in _kernel_rows(shifted, histograms, bandwidth):
            moved[rows] = (kernel @ histograms) / kernel.sum(dim=1, keepdim=True)
        shifted = moved
    return shifted
