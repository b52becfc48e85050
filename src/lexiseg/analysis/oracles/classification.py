"""Oracle (b): the final map with true names (Section 4.2, Table 2).

The predictor runs as it is. Every segment of its answer that overlaps a true one by more than half
takes that one's class; nothing is added, removed or merged. What panoptic quality gains is lost by
names alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.case import CaseMap, CaseSegment


def with_true_names(
    ious: NDArray[np.float64], true: Sequence[CaseSegment], found: Sequence[CaseSegment]
) -> tuple[CaseSegment, ...]:
    """The answer with the names of what it overlaps.

    Args:
        ious: (T, A) of `class_free_ious`.
        true: the T true segments.
        found: the A answered ones.

    Example:
        >>> wrong, right = CaseSegment(1, class_index=0), CaseSegment(9, class_index=4)
        >>> with_true_names(np.array([[0.6]]), [right], [wrong])[0].class_index
        4
    """
    if not len(true):
        return tuple(found)
    nearest, overlap = ious.argmax(axis=0), ious.max(axis=0)
    return tuple(
        replace(segment, class_index=true[nearest[place]].class_index)
        if overlap[place] > 0.5
        else segment
        for place, segment in enumerate(found)
    )


def with_merged_stuff(found: CaseMap, is_thing: NDArray[np.bool_]) -> CaseMap:
    """Segments of stuff of one class as one, which new names can make necessary.

    Args:
        found: an answer.
        is_thing: (C,) which classes are countable.
    """
    first: dict[int, int] = {}
    numbers = np.arange(int(found.ids.max(initial=0)) + 1)
    kept = []
    for segment in found.segments:
        if is_thing[segment.class_index] or segment.class_index not in first:
            first.setdefault(segment.class_index, segment.id)
            kept.append(segment)
        else:
            numbers[segment.id] = first[segment.class_index]
    return CaseMap(numbers[found.ids], tuple(kept))
