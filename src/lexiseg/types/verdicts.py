"""What is reported of an answer: rivals stay silent, exclusions are cut out, cut-offs hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lexiseg.types.instances import Instance
from lexiseg.types.presence import Presence
from lexiseg.types.rle import Mask
from lexiseg.types.vocabulary import Vocabulary


def reported(
    regions: Sequence[Instance],
    verdicts: Sequence[Presence],
    vocabulary: Vocabulary,
    others: Sequence[Instance] = (),
) -> tuple[list[Instance], list[Presence]]:
    """Regions and verdicts of the asked names, out of an answer to all that compete.

    What regions of excluded names cover is cut out of the others; regions below their cut-off go,
    and a name that loses its last region is refused. Every reason says among how many names the
    decision fell, as a verdict depends on that.

    Args:
        regions: of the names in ``vocabulary.competing``.
        verdicts: for the same.
        vocabulary: what was asked.
        others: what other views show; they stand for names that have no region.
    """
    asked = dict(zip(vocabulary.names, vocabulary.limits, strict=True))
    outside = _union([item.mask for item in regions if item.label in vocabulary.excluded])
    own = [item for item in regions if item.label in asked]
    cut = [left for item in own if (left := _without(item, outside)).mask.area or not outside.size]
    kept = [item for item in cut if item.score >= asked[item.label]]
    alone = [item for item in others if item.label in asked.keys() - {one.label for one in own}]
    still = [item for item in alone if item.score >= asked[item.label]]
    lost = _labels(own, alone) - _labels(kept, still)
    low = _labels(cut, alone) & lost
    entries = [
        _refused(entry, asked[entry.name], entry.name in low) if entry.name in lost else entry
        for entry in verdicts
        if entry.name in asked
    ]
    company = vocabulary.company
    return kept, [replace(entry, reason=f"{entry.reason}, {company}") for entry in entries]


def _labels(*groups: Sequence[Instance]) -> set[str]:
    return {item.label for group in groups for item in group}


def _refused(entry: Presence, limit: float, low: bool) -> Presence:
    reason = f"below its cut-off {limit:g}" if low else "covered by an excluded name"
    return replace(entry, kept=False, reason=reason)


def _union(masks: Sequence[Mask]) -> NDArray[np.bool_]:
    """The pixels of all masks; an array without pixels if there is none."""
    if not masks:
        return np.zeros((0, 0), dtype=bool)
    covered = masks[0].to_array()
    for mask in masks[1:]:
        covered |= mask.to_array()
    return covered


def _without(item: Instance, outside: NDArray[np.bool_]) -> Instance:
    if not outside.size:
        return item
    return replace(item, mask=Mask.from_array(item.mask.to_array() & ~outside))
