"""Why is a true segment missed, and what is a wrong answer? One type each.

The types of true segments are tried in the order of `TrueType`; the paper's split is recovered from
them: "wrong class" is FN_cls, all below it FN_seg.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.candidates import CandidateFates
from lexiseg.analysis.oracles.case import Case
from lexiseg.metrics.panoptic_matching import SegmentMatches

POOR = 0.1  # IoU from which on a segment counts as found, but poorly


class TrueType(StrEnum):
    """What became of a true segment."""

    FOUND = "found"
    WRONG_CLASS = "wrong class"
    NO_OBJECT = "discarded as no object"
    BELOW_THRESHOLD = "below the threshold"
    SUPPRESSED = "suppressed"
    ABSORBED = "absorbed"
    FRAGMENTED = "fragmented"
    POOR_BOUNDARY = "poor boundary"
    NEVER_PROPOSED = "never proposed"


class FoundType(StrEnum):
    """What an answered segment is."""

    RIGHT = "right"
    WRONG_CLASS = "wrong class"
    FRAGMENT = "fragment"
    BACKGROUND = "background"
    IGNORED = "ignored"


MEANINGS = {
    TrueType.FOUND: "an answer of its class overlaps it by more than half",
    TrueType.WRONG_CLASS: "an answer of another class overlaps it by more than half",
    TrueType.NO_OBJECT: "a candidate fits it, and its best label is no object",
    TrueType.BELOW_THRESHOLD: "a candidate fits it, and its score is below the threshold",
    TrueType.SUPPRESSED: "a candidate fits it, and lost its pixels to other candidates",
    TrueType.ABSORBED: "half of it or more lies in one answer that does not fit it",
    TrueType.FRAGMENTED: "two answers or more lie mostly in it and cover half of it",
    TrueType.POOR_BOUNDARY: f"the best answer overlaps it by {POOR} to 0.5",
    TrueType.NEVER_PROPOSED: "nothing of the above",
}
FOUND_MEANINGS = {
    FoundType.RIGHT: "it overlaps a true segment of its class by more than half",
    FoundType.WRONG_CLASS: "it overlaps one of another class by more than half",
    FoundType.FRAGMENT: "most of it lies in one true segment that it does not fit",
    FoundType.BACKGROUND: "it lies in no true segment for the most part",
    FoundType.IGNORED: "most of it lies on void or on a crowd of its class",
}


@dataclass(frozen=True)
class SegmentVerdict:
    """A true segment's type.

    Args:
        kind: the type.
        other: class index of the answer that overlaps or absorbs it; -1 for none.
    """

    kind: TrueType
    other: int = -1


def true_verdicts(
    case: Case, matches: SegmentMatches, fates: CandidateFates | None = None
) -> list[SegmentVerdict | None]:
    """The type of every true segment; None for crowds.

    Args:
        case: the picture.
        matches: its matches in the sense of panoptic quality.
        fates: of the candidates, where they are known; without them what was proposed and lost
            shows as absorbed, fragmented, poor or never proposed.
    """
    matched = dict(matches.pairs.tolist())
    return [
        None
        if segment.crowd
        else SegmentVerdict(TrueType.FOUND, segment.class_index)
        if place in matched
        else _missed(case, place, fates)
        for place, segment in enumerate(case.truth.segments)
    ]


def _missed(case: Case, place: int, fates: CandidateFates | None) -> SegmentVerdict:
    found, ious = case.found.segments, case.ious[place]
    if len(found) and ious.max() > 0.5:
        return SegmentVerdict(TrueType.WRONG_CLASS, found[ious.argmax()].class_index)
    if fates is not None and (lost := _lost_candidate(fates, place)):
        return SegmentVerdict(lost)
    shared = case.overlaps.shared[place]
    pixels = int(np.count_nonzero(case.truth.ids == case.truth.segments[place].id))
    if not pixels or not len(found):
        return SegmentVerdict(TrueType.NEVER_PROPOSED)
    if 2 * shared.max() >= pixels:
        return SegmentVerdict(TrueType.ABSORBED, found[shared.argmax()].class_index)
    inside = 2 * shared > case.overlaps.areas
    if inside.sum() >= 2 and 2 * shared[inside].sum() >= pixels:
        return SegmentVerdict(TrueType.FRAGMENTED, found[shared.argmax()].class_index)
    if ious.max() >= POOR:
        return SegmentVerdict(TrueType.POOR_BOUNDARY, found[ious.argmax()].class_index)
    return SegmentVerdict(TrueType.NEVER_PROPOSED)


def _lost_candidate(fates: CandidateFates, place: int) -> TrueType | None:
    """At which step the candidates that fit a segment were lost."""
    lost = fates.fitting(place)
    if "void" in lost:
        return TrueType.NO_OBJECT
    if "score" in lost:
        return TrueType.BELOW_THRESHOLD
    return TrueType.SUPPRESSED if lost else None


def found_types(case: Case, matches: SegmentMatches) -> list[FoundType]:
    """The type of every answered segment.

    Args:
        case: the picture.
        matches: as for `true_verdicts`.
    """
    overlap = case.ious.max(axis=0, initial=0)
    counted = [not segment.crowd for segment in case.truth.segments]
    inside: NDArray[np.int64] = case.overlaps.shared[counted].max(axis=0, initial=0)
    types = np.full(len(overlap), FoundType.BACKGROUND, dtype=object)
    types[2 * inside > case.overlaps.areas] = FoundType.FRAGMENT
    types[overlap > 0.5] = FoundType.WRONG_CLASS
    types[list(matches.ignored)] = FoundType.IGNORED
    types[matches.pairs[:, 1]] = FoundType.RIGHT
    return types.tolist()
