"""Single objects: sure answers, without doubles."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lexiseg.methods.openworldsam.answers import Answers
from lexiseg.ops.mask_nms import Overlap, box_iou, cell_boxes, mask_iou, rank, suppress

ObjectOverlap = Literal["box", "mask"]


def choose_objects(
    answers: Answers,
    *,
    min_score: float,
    nms: ObjectOverlap,
    nms_iou: float,
    top_k: int = 0,
) -> tuple[Tensor, Tensor]:
    """Pick the answers that stand for objects.

    Non-maximum suppression runs over all prompts together, so that an object of one class can
    push out an overlapping one of another class, as in the released code.

    Args:
        answers: of all prompts, or of those that name things.
        min_score: answers below it are dropped.
        nms: overlap of the masks' "box"es, as released, or of the "mask"s, as the paper says.
        nms_iou: of two answers that overlap more, the better stays.
        top_k: look at so many best answers only; 0 = all.

    Returns:
        numbers (n,) of the chosen answers, best first, and their masks (n, H, W) bool.
    """
    order = rank(answers.scores)[: top_k or None]
    order = order[answers.scores[order] >= min_score]
    overlap = _boxes_of(answers[order]) if nms == "box" else _masks_of(answers[order])
    kept = order[suppress(torch.arange(len(order), device=order.device), overlap, nms_iou)]
    return kept, answers[kept].binary()


def _boxes_of(answers: Answers) -> Overlap:
    parts = [cell_boxes(logits > 0) for _, logits in answers.full_size()]
    boxes = torch.cat(parts) if parts else answers.scores.new_zeros(0, 4)
    return lambda a, b: box_iou(boxes[a], boxes[b])


def _masks_of(answers: Answers) -> Overlap:
    """Masks are enlarged where they are compared, so that not all of them exist at a time."""

    def overlap(one: Tensor, other: Tensor) -> Tensor:
        first = answers[one].binary().flatten(1)
        others = (logits > 0 for _, logits in answers[other].full_size())
        return torch.cat([mask_iou(first, masks.flatten(1)) for masks in others], dim=1)

    return overlap
