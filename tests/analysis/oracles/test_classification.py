from __future__ import annotations

import numpy as np
import pytest

from lexiseg.analysis.oracles.case import CaseMap
from lexiseg.analysis.oracles.classification import with_true_names
from lexiseg.metrics.panoptic_matching import match_overlaps
from tests.analysis.oracles.drawing import random_case


@pytest.mark.parametrize("seed", range(30))
def test_it_is_the_rule_read_out_and_turns_misnamed_into_found_only(seed: int) -> None:
    case = random_case(seed)
    true, found = case.truth.segments, case.found.segments
    named = with_true_names(case.ious, true, found)
    assert [s.id for s in named] == [s.id for s in found]
    for before, after in zip(found, named, strict=True):
        own = (case.found.ids == before.id) & (case.truth.ids > 0)
        expected = before.class_index
        for segment in true:
            mask = case.truth.ids == segment.id
            iou = (own & mask).sum() / (own | mask).sum()
            if iou > 0.5 and not segment.crowd:
                expected = segment.class_index
        assert after.class_index == expected
    was = set(match_overlaps(case.overlaps, true, found).pairs[:, 0].tolist())
    now = set(match_overlaps(case.overlaps, true, named).pairs[:, 0].tolist())
    assert was <= now
    assert now == set(np.flatnonzero((case.ious > 0.5).any(axis=1)).tolist())


def test_a_picture_without_truth_stays_as_it_is() -> None:
    case = random_case(3)
    found = with_true_names(np.zeros((0, len(case.found.segments))), (), case.found.segments)
    assert CaseMap(case.found.ids, found) == case.found
