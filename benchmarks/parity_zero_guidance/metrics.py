"""Rebuild the part of a zero-guidance pack that scores relabelled segments."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.comparison import Comparison, Tolerance, compare_all, read_arrays
from lexiseg.metrics.renamed_segments import (
    VOID,
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

NUMBERS = Tolerance(1e-9)
THRESHOLDS = {"tt": 0.5, "st": 0.1}
PACK_VOID = 255
INPUTS = ("me_gt", "me_pred", "me_sim", "me_tgq_sim", "hand_gt", "hand_pred", "hand_labels")


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return (folder / "metrics.npz").is_file()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every number of the part with ours; what we do not make counts as infinitely off.

    The arrays of merging, which lie in the same file, have a part of their own.
    """
    pack = MetricsPack(folder)
    names = [name for name in pack.arrays if not (name.startswith("mg_") or _is_input(name))]
    yield from compare_all(pack.rebuild(), pack.arrays, names, lambda name: NUMBERS)


def _is_input(name: str) -> bool:
    return name.rstrip("0123456789") in INPUTS or name.startswith("me_sim_")


class MetricsPack:
    """A few pictures' truths, segments and similarities to classes."""

    def __init__(self, folder: Path) -> None:
        self.arrays = read_arrays(folder / "metrics.npz")

    def rebuild(self) -> Iterator[tuple[str, Any]]:
        """Every number by its name in the pack."""
        for mode, threshold in THRESHOLDS.items():
            labels = [reassign(self.arrays[f"me_sim_{mode}{k}"], threshold) for k in self.pictures]
            for k in self.pictures:
                yield f"me_{mode}_labels{k}", labels[k]
            for rule in ("plain", "void"):
                overlaps = [self._overlaps(k, labels[k], rule == "void") for k in self.pictures]
                yield from self._scores(f"me_{mode}_{rule}", overlaps)
        captions = [self.arrays[f"me_tgq_sim{k}"] for k in self.pictures]
        yield "me_tgq_pooled", text_quality(captions)
        yield "me_tgq_image_mean", text_quality(captions, released=True)
        yield from self._hand()

    @cached_property
    def pictures(self) -> range:
        """Numbers of the pictures."""
        return range(sum(name.startswith("me_gt") for name in self.arrays))

    @cached_property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.arrays["me_sim_st0"].shape[1])

    def _overlaps(self, k: int, labels: NDArray[np.int64], void: bool) -> ClassOverlaps:
        raw, segments = self.arrays[f"me_gt{k}"], self.arrays[f"me_pred{k}"]
        truth = np.where(raw == PACK_VOID, VOID, raw.astype(np.int64))
        return class_overlaps(truth, segments, labels, void=void)

    def _scores(self, name: str, overlaps: list[ClassOverlaps]) -> Iterator[tuple[str, Any]]:
        per_image = [image_iou(each) for each in overlaps]
        of_truth = [image_iou(each, true_classes_only=True) for each in overlaps]
        yield f"{name}_iou_per_image", per_image
        yield f"{name}_iou", np.nanmean(per_image)
        yield f"{name}_iou_gt_classes_only", np.nanmean(of_truth)
        yield f"{name}_miou_dataset", dataset_miou(overlaps, self.classes)
        yield f"{name}_recall_pooled", segment_recall(overlaps)
        yield f"{name}_recall_per_image_mean", image_recall(overlaps)
        yield f"{name}_recall_released", released_recall(overlaps)

    def _hand(self) -> Iterator[tuple[str, Any]]:
        truth, segments, labels = (self.arrays[f"hand_{key}"] for key in ("gt", "pred", "labels"))
        overlaps = class_overlaps(truth, segments, labels)
        yield "hand_iou_union_classes", image_iou(overlaps)
        yield "hand_iou_gt_classes", image_iou(overlaps, true_classes_only=True)
        yield "hand_recall", segment_recall([overlaps])
        yield "hand_recall_released", released_recall([overlaps])
