"""Every type of error from a picture drawn for it, and all of them against the list read out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.analysis.oracles.candidates import CandidateFates
from lexiseg.analysis.oracles.case import CandidateSet, Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.error_types import (
    FoundType,
    SegmentVerdict,
    TrueType,
    found_types,
    true_verdicts,
)
from lexiseg.analysis.oracles.inference import Inference, Thresholds, map_of
from lexiseg.analysis.oracles.missed import outcomes
from lexiseg.metrics.panoptic_matching import match_overlaps
from tests.analysis.oracles.drawing import THINGS, candidates_near, random_case, random_map

SIZE = (10, 10)
THRESHOLDS = Thresholds(0.4, 0.8)
INFER = Inference(THINGS, THRESHOLDS, THRESHOLDS)


def drawn(*boxes: tuple[int, int, int, int, int]) -> CaseMap:
    """A map of boxes (class, top, left, bottom, right), later ones on top."""
    ids = np.zeros(SIZE, dtype=int)
    for number, (_, top, left, bottom, right) in enumerate(boxes, start=1):
        ids[top:bottom, left:right] = number
    segments = (
        CaseSegment(n, box[0], float((ids == n).sum())) for n, box in enumerate(boxes, start=1)
    )
    return CaseMap(ids, tuple(segments))


def first_verdict(
    truth: CaseMap, found: CaseMap, fates: CandidateFates | None = None
) -> SegmentVerdict:
    case = Case("", truth, found)
    matches = match_overlaps(case.overlaps, truth.segments, found.segments)
    verdict = true_verdicts(case, matches, fates)[0]
    assert verdict is not None
    return verdict


WHOLE = (0, 0, 0, 10, 10)
BOX = (1, 0, 0, 4, 4)


@pytest.mark.parametrize(
    ("true", "found", "expected"),
    [
        ([BOX], [BOX], SegmentVerdict(TrueType.FOUND, 1)),
        ([BOX], [(2, 0, 0, 4, 4)], SegmentVerdict(TrueType.WRONG_CLASS, 2)),
        ([BOX, (3, 4, 0, 10, 10)], [(3, 0, 0, 10, 10)], SegmentVerdict(TrueType.ABSORBED, 3)),
        (
            [(1, 0, 0, 4, 10), (0, 4, 0, 10, 10)],
            [(1, 0, 0, 4, 4), (1, 0, 4, 4, 8)],
            SegmentVerdict(TrueType.FRAGMENTED, 1),
        ),
        (
            [(1, 0, 0, 4, 10), (0, 4, 0, 10, 10)],
            [(2, 0, 0, 4, 4)],
            SegmentVerdict(TrueType.POOR_BOUNDARY, 2),
        ),
        ([BOX, (0, 4, 0, 10, 10)], [(2, 8, 8, 10, 10)], SegmentVerdict(TrueType.NEVER_PROPOSED)),
        ([BOX], [], SegmentVerdict(TrueType.NEVER_PROPOSED)),
    ],
)
def test_types_of_the_final_map(true, found, expected) -> None:
    assert first_verdict(drawn(*true), drawn(*found)) == expected


@pytest.mark.parametrize(
    ("classes", "void", "expected"),
    [
        ([[0.0, 0.2, 0.0, 0.0]], [0.8], TrueType.NO_OBJECT),
        ([[0.0, 0.3, 0.0, 0.0]], [0.1], TrueType.BELOW_THRESHOLD),
        ([[0.0, 0.5, 0.0, 0.0], [0.9, 0.0, 0.0, 0.0]], [0.1, 0.1], TrueType.SUPPRESSED),
    ],
)
def test_types_of_candidates_that_fit_and_were_lost(classes, void, expected) -> None:
    truth = drawn(BOX, (0, 4, 0, 10, 10))
    masks = torch.full((len(void), *SIZE), -9.0)
    masks[0, :4, :4] = 9
    masks[1:, :, :] = 9  # a surer one over all of the picture
    candidates = CandidateSet(masks, torch.tensor(classes), torch.tensor(void))
    won = INFER.division(candidates, SIZE)
    fates = CandidateFates.of(candidates, truth, won)
    assert first_verdict(truth, map_of(won), fates).kind == expected


@pytest.mark.parametrize("seed", range(30))
def test_the_split_of_the_paper_is_recovered(seed: int) -> None:
    truth = random_map(np.random.default_rng(seed), crowd=0.2)
    candidates = candidates_near(truth, seed, blur=4)
    won = INFER.division(candidates, truth.size_hw)
    case = Case("", truth, map_of(won))
    matches = match_overlaps(case.overlaps, truth.segments, case.found.segments)
    fates = CandidateFates.of(candidates, truth, won)
    split = {"crowd": None, "TP": TrueType.FOUND, "FN_cls": TrueType.WRONG_CLASS}
    for became, verdict in zip(
        outcomes(case.ious, truth.segments, matches),
        true_verdicts(case, matches, fates),
        strict=True,
    ):
        if became == "FN_seg":
            assert verdict and verdict.kind not in split.values()
        else:
            assert (verdict and verdict.kind) == split[became]


@pytest.mark.parametrize("seed", range(30))
def test_types_of_answers_are_the_rules_read_out(seed: int) -> None:
    case = random_case(seed, crowd=0.3)
    true, found = case.truth.segments, case.found.segments
    matches = match_overlaps(case.overlaps, true, found)
    for a, kind in enumerate(found_types(case, matches)):
        own = case.found.ids == found[a].id
        most = max(((own & (case.truth.ids == s.id)).sum() for s in true if not s.crowd), default=0)
        expected = (
            FoundType.RIGHT if a in matches.pairs[:, 1]
            else FoundType.IGNORED if a in matches.ignored
            else FoundType.WRONG_CLASS if (case.ious[:, a] > 0.5).any()
            else FoundType.FRAGMENT if most / own.sum() > 0.5
            else FoundType.BACKGROUND
        )  # fmt: skip
        assert kind == expected
