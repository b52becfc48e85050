"""Numbers: pure functions on arrays and thin running sums."""

from lexiseg.metrics.average_precision import (
    ClassMatches,
    average_precision,
    average_recall,
    mean_over_classes,
)
from lexiseg.metrics.bootstrap import bootstrap_interval
from lexiseg.metrics.confusion import (
    ConfusionMatrix,
    confusion_matrix,
    iou_parts,
    iou_per_class,
    mean_iou,
)
from lexiseg.metrics.mask_iou import mask_ious
from lexiseg.metrics.matching import AREAS, IOU_THRESHOLDS, Matches, Truths, match
from lexiseg.metrics.presence import PresenceCounts, count_presence, matthews
from lexiseg.metrics.referring import ReferringScore, cumulative_overlap, mean_overlap, overlap
from lexiseg.metrics.video import VideoScore, boundary_f, region_similarity

__all__ = [
    "AREAS",
    "IOU_THRESHOLDS",
    "ClassMatches",
    "ConfusionMatrix",
    "Matches",
    "PresenceCounts",
    "ReferringScore",
    "Truths",
    "VideoScore",
    "average_precision",
    "average_recall",
    "bootstrap_interval",
    "boundary_f",
    "confusion_matrix",
    "count_presence",
    "cumulative_overlap",
    "iou_parts",
    "iou_per_class",
    "mask_ious",
    "match",
    "matthews",
    "mean_iou",
    "mean_over_classes",
    "mean_overlap",
    "overlap",
    "region_similarity",
]
