"""The division into segments against the released loop, written out."""

from __future__ import annotations

import pytest
import torch

from lexiseg.methods.openworldsam.answers import enlarge
from lexiseg.methods.openworldsam.panoptic import divide, without_doubles


def slowly(answers, stuff, least, threshold, share):
    logits = enlarge(answers.logits, answers.size_hw)
    masks = logits.sigmoid() >= 0.5
    kept = []
    for prompt in sorted(set(answers.prompts.tolist())):
        mine = [n for n in range(len(answers)) if int(answers.prompts[n]) == prompt]
        mine = [n for n in mine if float(answers.scores[n]) > least]
        own: list[int] = []
        for n in sorted(mine, key=lambda n: (-float(answers.scores[n]), n)):
            ious = [
                float((masks[n] & masks[o]).sum()) / max(1, float((masks[n] | masks[o]).sum()))
                for o in own
            ]
            if all(iou <= threshold for iou in ious):
                own.append(n)
        kept += own
    kept.sort()
    ids = torch.zeros(answers.size_hw, dtype=torch.long)
    if not kept:
        return kept, ids, []
    weighed = answers.scores[kept, None, None] * logits[kept].sigmoid()
    winner = weighed.argmax(dim=0)
    segments, joined = [], {}
    for place, n in enumerate(kept):
        claimed, area = int((winner == place).sum()), int(masks[n].sum())
        region = (winner == place) & masks[n]
        if not claimed or not area or not region.any() or claimed / area < share:
            continue
        prompt = int(answers.prompts[n])
        if prompt in stuff and prompt in joined:
            ids[region] = joined[prompt]
            continue
        segments.append((prompt, prompt not in stuff))
        joined[prompt] = len(segments)
        ids[region] = len(segments)
    return kept, ids, segments


@pytest.mark.parametrize("stuff", [set(), {1, 3}])
@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_equals_the_released_loop(answers_of, seed, share, stuff):
    answers = answers_of(seed, count=24)
    kept, ids, segments = slowly(answers, stuff, 0.2, 0.3, share)
    assert without_doubles(answers, 0.2, 0.3).tolist() == kept
    ours, found = divide(answers, stuff, min_score=0.2, nms_iou=0.3, min_share=share)
    assert torch.equal(ours, ids)
    assert [(one.prompt, one.is_thing) for one in found] == segments


def test_the_score_must_be_exceeded(answers_of):
    answers = answers_of(0)
    ids, segments = divide(
        answers, (), min_score=float(answers.scores.max()), nms_iou=0.5, min_share=0.5
    )
    assert not ids.any() and segments == []
