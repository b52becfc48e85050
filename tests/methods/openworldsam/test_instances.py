"""Single objects against the plain loop over boxes or masks."""

from __future__ import annotations

import pytest
import torch

from lexiseg.methods.openworldsam.instances import choose_objects


def extent(mask):
    rows, columns = mask.any(dim=1).nonzero()[:, 0], mask.any(dim=0).nonzero()[:, 0]
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def overlap(one, other, kind):
    if kind == "mask":
        union = int((one | other).sum())
        return int((one & other).sum()) / union if union else 0.0
    first, second = extent(one), extent(other)
    if first is None or second is None:
        return 0.0
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0, width) * max(0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (sum(areas) - shared)


def slowly(answers, least, kind, threshold, top_k):
    masks = answers.binary()
    order = sorted(range(len(answers)), key=lambda n: (-float(answers.scores[n]), n))
    kept = []
    for number in order[: top_k or None]:
        if float(answers.scores[number]) < least:
            continue
        if all(overlap(masks[number], masks[other], kind) <= threshold for other in kept):
            kept.append(number)
    return kept


@pytest.mark.parametrize("kind", ["box", "mask"])
@pytest.mark.parametrize("top_k", [0, 4])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_plain_loop(answers_of, seed, kind, top_k):
    answers = answers_of(seed, count=20)
    chosen, masks = choose_objects(answers, min_score=0.2, nms=kind, nms_iou=0.3, top_k=top_k)
    assert chosen.tolist() == slowly(answers, 0.2, kind, 0.3, top_k)
    assert torch.equal(masks, answers[chosen].binary())


def test_the_score_is_a_bound_that_may_be_met(answers_of):
    answers = answers_of(0)
    least = float(answers.scores.sort()[0][-3])
    chosen, _ = choose_objects(answers, min_score=least, nms="box", nms_iou=1.0)
    assert len(chosen) == 3
    nothing, masks = choose_objects(answers, min_score=1.0, nms="mask", nms_iou=0.5)
    assert len(nothing) == 0 and masks.shape == (0, 23, 31)
