"""Step D: which proposals of a class are whole instances."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.proposals import Proposals
from lexiseg.ops.instance_score import (
    HistogramRule,
    dense_enough,
    instance_scores,
    main_cluster,
    mean_shift,
    score_histograms,
)
from lexiseg.ops.mask_nms import Overlap, box_iou, cell_boxes, mask_iou, rank, suppress

SAME_MODE = 0.999  # kernel value of points that were shifted to one mode


@dataclass(frozen=True)
class Identified:
    """Proposals that are left of one class.

    Attributes:
        proposals: best first.
        io_scores: (N,) f_IO, among all proposals of the class.
        identity: (N,) in [0, 1], the score they are ranked by.
    """

    proposals: Proposals
    io_scores: Tensor
    identity: Tensor


def identify(
    proposals: Proposals,
    values: Tensor,
    foreground: Tensor,
    shape: tuple[int, int],
    config: TidesConfig,
) -> Identified:
    """Score, threshold, cluster and thin out the proposals of one class.

    Args:
        proposals: of the class.
        values: (cells,) its scores in [0, 1].
        foreground: (cells,) bool.
        shape: rows and columns of the cells.
        config: step D.
    """
    rule = HistogramRule(
        config.bins, config.histogram_cells, config.histogram_divisor, config.histogram_low
    )
    histograms = score_histograms(proposals.masks, values, foreground, rule)
    density = instance_scores(histograms, config.bandwidth)
    if config.ranking == "segmenter":
        identity = proposals.segmenter_scores.clamp(0, 1)
        order = rank(proposals.segmenter_scores)
    else:
        identity = _share(density) if config.identity == "share" else density
        dense = dense_enough(density, config.density_rule, config.min_density)
        chosen = _in_cluster(dense.nonzero()[:, 0], histograms, density, config)
        order = chosen[rank(density[chosen], proposals.segmenter_scores[chosen])]
    kept = suppress(order, overlap_of(proposals.masks, shape, config), config.nms_iou)
    return Identified(proposals[kept], density[kept], identity[kept])


def _share(density: Tensor) -> Tensor:
    """Each density as a share of the largest; nothing of nothing."""
    return density / density.max() if len(density) else density


def _in_cluster(chosen: Tensor, histograms: Tensor, density: Tensor, config: TidesConfig) -> Tensor:
    """Those of the chosen that are in the main cluster."""
    if config.cluster == "all":
        return chosen
    points, bandwidth = histograms[chosen], config.bandwidth
    if config.cluster == "mean-shift":
        shifted = mean_shift(points, bandwidth)
        return chosen[main_cluster(shifted, density[chosen], "largest", SAME_MODE, bandwidth)]
    inside = main_cluster(points, density[chosen], config.cluster, config.min_kernel, bandwidth)
    return chosen[inside]


def overlap_of(masks: Tensor, shape: tuple[int, int], config: TidesConfig) -> Overlap:
    """How much two masks (N, cells) coincide, by their numbers."""
    if config.nms_overlap == "box":
        boxes = cell_boxes(masks.reshape(-1, *shape))
        return lambda one, other: box_iou(boxes[one], boxes[other])
    return lambda one, other: mask_iou(masks[one], masks[other])
