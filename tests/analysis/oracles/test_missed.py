from __future__ import annotations

from collections import Counter

import pytest

from lexiseg.analysis.oracles.missed import missed_by_class, outcomes
from lexiseg.metrics.panoptic_matching import match_overlaps
from tests.analysis.oracles.drawing import CLASSES, random_case


@pytest.mark.parametrize("seed", range(30))
def test_every_segment_is_found_misnamed_or_not_segmented(seed: int) -> None:
    case = random_case(seed, crowd=0.3)
    true, found = case.truth.segments, case.found.segments
    matches = match_overlaps(case.overlaps, true, found)
    became = outcomes(case.ious, true, matches)
    for place, segment in enumerate(true):
        overlapped = [found[a].class_index for a in (case.ious[place] > 0.5).nonzero()[0]]
        expected = (
            "crowd" if segment.crowd
            else "TP" if segment.class_index in overlapped
            else "FN_cls" if overlapped
            else "FN_seg"
        )  # fmt: skip
        assert became[place] == expected
    rows = missed_by_class(zip((s.class_index for s in true), became, strict=True), CLASSES)
    number = Counter(s.class_index for s in true if not s.crowd)
    assert [sum(row) for row in rows] == [number[c] for c in range(CLASSES)]
    assert sum(row.tp for row in rows) == len(matches.pairs)
