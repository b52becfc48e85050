"""The greedy matching against one that reads like its rules."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lexiseg.metrics import AREAS, IOU_THRESHOLDS, Truths, mask_ious, match
from lexiseg.types import Mask

GROUP = st.integers(0, 5).flatmap(lambda n: arrays(bool, (n, 4, 3)))


def slow_match(found, scores, truths, threshold, low, high):
    """Per answer: (is a hit, is ignored)."""
    uncounted = [c or not low <= a <= high for c, a in zip(truths.crowd, truths.areas, strict=True)]
    ious = mask_ious(found, truths.masks, truths.crowd)
    taken = set()
    outcome = {}
    for answer in sorted(range(len(found)), key=lambda k: -scores[k]):
        best = None
        for wanted in (False, True):  # objects that count first
            if best is not None:
                break
            for number, skip in enumerate(uncounted):
                if skip != wanted or (number in taken and not truths.crowd[number]):
                    continue
                iou = ious[answer, number]
                if iou >= threshold and (best is None or iou >= ious[answer, best]):
                    best = number
        if best is None:
            outside = not low <= found[answer].area <= high
            outcome[answer] = (False, outside or not truths.exhaustive)
        else:
            taken.add(best)
            outcome[answer] = (not uncounted[best], uncounted[best])
    return outcome


@settings(max_examples=40, deadline=None)
@given(GROUP, GROUP, st.integers(0, 2**20), st.booleans())
def test_equals_the_slow_reading(found, true, seed, exhaustive) -> None:
    rng = np.random.default_rng(seed)
    masks = [Mask.from_array(mask) for mask in found]
    truths = Truths(
        [Mask.from_array(mask) for mask in true],
        rng.choice([4.0, 1024.0, 2000.0, 10_000.0], len(true)),
        rng.random(len(true)) < 0.3,
        exhaustive,
    )
    scores = (rng.integers(1, 4, len(masks)) / 4).tolist()
    ours = match(masks, scores, truths)
    order = sorted(range(len(masks)), key=lambda k: -scores[k])
    assert ours.scores.tolist() == [scores[k] for k in order]
    for area, (low, high) in enumerate(AREAS.values()):
        for level, threshold in enumerate(IOU_THRESHOLDS):
            expected = slow_match(masks, scores, truths, min(threshold, 1 - 1e-10), low, high)
            hits = list(zip(ours.hit[area, level], ours.ignored[area, level], strict=True))
            assert hits == [expected[k] for k in order]


def test_only_the_best_answers_within_the_limit() -> None:
    mask = Mask.from_array(np.ones((2, 2), dtype=bool))
    truths = Truths([mask], np.array([4.0]), np.array([False]))
    ours = match([mask] * 3, [0.1, 0.9, 0.5], truths, limit=2)
    assert ours.scores.tolist() == [0.9, 0.5]
    assert ours.hit[0, 0].tolist() == [True, False]
