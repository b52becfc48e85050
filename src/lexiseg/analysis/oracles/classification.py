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

from lexiseg.analysis.oracles.case import CaseSegment


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
