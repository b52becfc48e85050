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
from lexiseg.metrics.instances import (
    AT_50,
    AT_75,
    COCO_LIMIT,
    Found,
    ImageTruth,
    class_presence,
    gather_matches,
    mean_precision,
    mean_recall,
)
from lexiseg.metrics.mask_iou import mask_ious
from lexiseg.metrics.matching import AREAS, IOU_THRESHOLDS, Matches, Truths, match
from lexiseg.metrics.presence import PresenceCounts, count_presence, matthews
from lexiseg.metrics.referring import ReferringScore, cumulative_overlap, mean_overlap, overlap
from lexiseg.metrics.renamed_segments import (
    ClassOverlaps,
    class_overlaps,
    dataset_miou,
    image_iou,
    image_recall,
    reassign,
    released_recall,
    segment_recall,
    text_quality,
)
from lexiseg.metrics.video import VideoScore, boundary_f, region_similarity

__all__ = [
    "AREAS",
    "AT_50",
    "AT_75",
    "COCO_LIMIT",
    "IOU_THRESHOLDS",
    "ClassMatches",
    "ClassOverlaps",
    "ConfusionMatrix",
    "Found",
    "ImageTruth",
    "Matches",
    "PresenceCounts",
    "ReferringScore",
    "Truths",
    "VideoScore",
    "average_precision",
    "average_recall",
    "bootstrap_interval",
    "boundary_f",
    "class_overlaps",
    "class_presence",
    "confusion_matrix",
    "count_presence",
    "cumulative_overlap",
    "dataset_miou",
    "gather_matches",
    "image_iou",
    "image_recall",
    "iou_parts",
    "iou_per_class",
    "mask_ious",
    "match",
    "matthews",
    "mean_iou",
    "mean_over_classes",
    "mean_overlap",
    "mean_precision",
    "mean_recall",
    "overlap",
    "reassign",
    "region_similarity",
    "released_recall",
    "segment_recall",
    "text_quality",
]
