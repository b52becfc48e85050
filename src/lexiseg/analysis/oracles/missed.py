"""Oracle (e): is a segment that is missed misnamed, or not segmented? (Section 4.5, Table 5)

Of the true segments of a class that panoptic quality counts as missed, some are overlapped by more
than half by an answer of another class (FN_cls); of all others there is no such answer (FN_seg).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.case import CaseSegment
from lexiseg.metrics.panoptic_matching import SegmentMatches

Outcome: TypeAlias = Literal["TP", "FN_cls", "FN_seg", "crowd"]


class Missed(NamedTuple):
    """Segments of a class; together they are all of its true segments but crowds."""

    fn_seg: int
    fn_cls: int
    tp: int


def outcomes(
    ious: NDArray[np.float64], true: Sequence[CaseSegment], matches: SegmentMatches
) -> list[Outcome]:
    """What became of every true segment.

    Args:
        ious: (T, A) of `class_free_ious`.
        true: the T true segments.
        matches: which of them were matched in the sense of panoptic quality.
    """
    matched = set(matches.pairs[:, 0].tolist())
    overlapped = [bool(row.any()) for row in ious > 0.5]
    return [
        "crowd"
        if segment.crowd
        else "TP"
        if place in matched
        else "FN_cls"
        if overlapped[place]
        else "FN_seg"
        for place, segment in enumerate(true)
    ]


def missed_by_class(found: Iterable[tuple[int, Outcome]], classes: int) -> list[Missed]:
    """Add outcomes up.

    Args:
        found: class index and outcome of every true segment.
        classes: their number.
    """
    counts = Counter(found)
    return [
        Missed(counts[index, "FN_seg"], counts[index, "FN_cls"], counts[index, "TP"])
        for index in range(classes)
    ]
