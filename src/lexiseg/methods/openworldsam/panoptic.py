"""Every pixel at most one segment: things one by one, stuff joined."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from lexiseg.methods.openworldsam.answers import Answers
from lexiseg.ops.foreground import count_cells
from lexiseg.ops.mask_nms import Overlap, mask_iou, rank, suppress


@dataclass(frozen=True)
class DividedSegment:
    """One region.

    Attributes:
        prompt: number of its prompt.
        answer: number of the answer that made it; of joined stuff, the first.
        is_thing: a single object rather than a kind of ground.
    """

    prompt: int
    answer: int
    is_thing: bool


def divide(
    answers: Answers,
    stuff: Collection[int],
    *,
    min_score: float,
    nms_iou: float,
    min_share: float,
) -> tuple[Tensor, list[DividedSegment]]:
    """Give every pixel to one of the sure answers, or to none.

    Doubles are removed among the answers of each prompt, by the overlap of their masks. A pixel
    goes to the answer with the largest score times probability, and stays there where the answer
    itself finds it probable. An answer that won too little of its own area is dropped.

    Args:
        answers: of all prompts.
        stuff: numbers of prompts that name kinds of ground, whose answers become one segment.
        min_score: answers must score above it.
        nms_iou: of two answers of a prompt that overlap more, the better stays.
        min_share: of an answer's area that it must win: 0.5 as released, 0.8 in Mask2Former.

    Returns:
        (H, W) int64 segment numbers from 1 on, 0 where none is, and the segments in order.
    """
    chosen = without_doubles(answers, min_score, nms_iou)
    winner, inside, areas = _compete(answers[chosen])
    claims = torch.bincount(winner.flatten(), minlength=len(chosen)).tolist()
    sure = torch.bincount(winner[inside], minlength=len(chosen)).tolist()
    segment_of = torch.zeros(len(chosen) + 1, dtype=torch.long)
    segments: list[DividedSegment] = []
    joined: dict[int, int] = {}
    for place, number in enumerate(chosen.tolist()):
        if not sure[place] or claims[place] / areas[place] < min_share:
            continue
        prompt = int(answers.prompts[number])
        if prompt not in joined:
            segments.append(DividedSegment(prompt, number, prompt not in stuff))
        segment_of[place] = joined.get(prompt, len(segments))
        if prompt in stuff:
            joined.setdefault(prompt, len(segments))
    return segment_of.to(winner.device)[winner] * inside, segments


def without_doubles(answers: Answers, min_score: float, nms_iou: float) -> Tensor:
    """Numbers (n,), ascending, of answers above a score whose masks repeat no better one's.

    Args:
        answers: of all prompts; only those of one prompt are doubles of each other.
        min_score: answers must score above it.
        nms_iou: of two masks that overlap more, the better answer's stays.
    """
    kept = [torch.zeros(0, dtype=torch.long, device=answers.logits.device)]
    for prompt in sorted(set(answers.prompts.tolist())):
        sure = (answers.prompts == prompt) & (answers.scores > min_score)
        numbers = sure.nonzero()[:, 0]
        masks = answers[numbers].binary().flatten(1)
        overlap = _looked_up(mask_iou(masks, masks))
        kept.append(numbers[suppress(rank(answers.scores[numbers]), overlap, nms_iou)])
    return torch.cat(kept).sort()[0]


def _looked_up(overlaps: Tensor) -> Overlap:
    return lambda a, b: overlaps[a][:, b]


def _compete(answers: Answers) -> tuple[Tensor, Tensor, list[int]]:
    """The winner of every pixel, whether it finds the pixel probable, and the area of each."""
    device = answers.logits.device
    best = torch.full(answers.size_hw, -1.0, device=device)
    winner = torch.zeros(answers.size_hw, dtype=torch.int32, device=device)
    inside = torch.zeros(answers.size_hw, dtype=torch.bool, device=device)
    areas: list[int] = []
    for part, logits in answers.full_size():
        for place, (logit, score) in enumerate(zip(logits, answers.scores[part], strict=True)):
            mine = logit >= 0
            areas.append(int(count_cells(mine.flatten())))
            weighed = logit.sigmoid_().mul_(score)
            better = weighed > best
            torch.maximum(best, weighed, out=best)
            torch.maximum(winner, better.int().mul_(part.start + place), out=winner)  # they ascend
            inside ^= (inside ^ mine) & better
    return winner, inside, areas
