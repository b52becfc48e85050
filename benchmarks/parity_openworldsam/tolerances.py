"""How far each array of a pack may be off, as its README says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.comparison import Comparison, Tolerance

EXACT, MASKS, SCORES = Tolerance(0.0), Tolerance(0.05, mean=5e-3), Tolerance(1e-3)
GRADIENTS = "train.grad."
TOLERANCES = {
    "in.*": EXACT,
    "eval.img*.tokens": EXACT,
    "eval.img*.pad_mask": EXACT,
    "eval.img*.beit_*": Tolerance(1e-4),
    "eval.img*.textonly.beit_cls": Tolerance(1e-4),
    "eval.img*.proj": Tolerance(1e-4),
    "eval.img*.queries": Tolerance(1e-4),
    "eval.img*.twostage.kept": EXACT,
    "eval.img*.twostage.dense": Tolerance(2e-2),
    "eval.img*.twostage.low_res_masks": Tolerance(0.1),
    "eval.img*.twostage.iou": Tolerance(2e-3),
    "eval.img*low_res_masks": MASKS,
    "eval.img*.masks4_tok0": MASKS,
    "eval.img*.refer.masks": MASKS,
    "eval.img*.obj_score": Tolerance(5e-3),
    "eval.img*.stability_tok0": Tolerance(2e-3),
    "eval.img*.sem_seg": Tolerance(5e-3),
    "eval.img*.sem_argmax": Tolerance(5e-3, "pixels"),
    "eval.img*.inst_masks": Tolerance(5e-3, "pixels"),
    "eval.img*.inst_classes": EXACT,
    "eval.img*.inst_boxes": Tolerance(1.0),
    "eval.img*.panoptic": Tolerance(5e-3, "pixels"),
    "eval.img*.panoptic_info": EXACT,
    "eval.dense_pe": Tolerance(1e-5),
    "eval.*": SCORES,
    "train.p*.pred_masks": MASKS,
    "train.p*.pred_iou": SCORES,
    "train.p*.cost": Tolerance(2e-3, "relative"),
    "train.p*.match_*": EXACT,
    "train.p*": Tolerance(1e-3, "relative"),
    "train.final.loss_mask": Tolerance(1e-3, "relative"),
    "train.final.*": EXACT,
    "train.gradnorm.values": Tolerance(1e-2, "relative"),
    "train.total_grad_norm": Tolerance(1e-2, "relative"),
    "train.after_step.*": Tolerance(2e-6),
    "post.panoptic": Tolerance(1e-3, "pixels"),
    "post.sem_scores": Tolerance(1e-5),
    "post.resized_logits": Tolerance(1e-2),
    "post.*": EXACT,
    "prep.image_u8": EXACT,
    "prep.sam_*": Tolerance(0.018),
    "prep.beit_*": Tolerance(1e-4),
    "metric.ground.values": SCORES,
    "metric.sem.values": Tolerance(1e-6),
    "metric.*": EXACT,
}


@dataclass(frozen=True)
class Norm:
    """Largest norm of the error, as a share of the norm of the array."""

    limit: float


def compare_norms(
    ours: Mapping[str, Any],
    theirs: Mapping[str, NDArray[Any]],
    names: Sequence[str],
    bound: Norm,
) -> Iterator[Comparison]:
    """Compare gradients, which are large and of very different sizes, by the norm of the error."""
    for name in sorted(names):
        error = np.inf
        if name in ours and np.shape(ours[name]) == theirs[name].shape:
            gap = np.asarray(ours[name], dtype=np.float64) - theirs[name]
            error = float(np.linalg.norm(gap) / np.linalg.norm(theirs[name]))
        yield Comparison(name, error, Tolerance(bound.limit, "of the norm"))
