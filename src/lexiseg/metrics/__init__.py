"""Numbers: pure functions on arrays and thin running sums."""

from lexiseg.metrics.bootstrap import bootstrap_interval
from lexiseg.metrics.confusion import (
    ConfusionMatrix,
    confusion_matrix,
    iou_parts,
    iou_per_class,
    mean_iou,
)
from lexiseg.metrics.presence import PresenceCounts, count_presence, matthews
from lexiseg.metrics.referring import ReferringScore, cumulative_overlap, mean_overlap, overlap
from lexiseg.metrics.video import VideoScore, boundary_f, region_similarity

__all__ = [
    "ConfusionMatrix",
    "PresenceCounts",
    "ReferringScore",
    "VideoScore",
    "bootstrap_interval",
    "boundary_f",
    "confusion_matrix",
    "count_presence",
    "cumulative_overlap",
    "iou_parts",
    "iou_per_class",
    "matthews",
    "mean_iou",
    "mean_overlap",
    "overlap",
    "region_similarity",
]
