"""The order in which a baseline shows what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lexiseg.types import Instance


def best_first(found: Iterable[Instance], names: Sequence[str]) -> list[Instance]:
    """Regions in the order of the asked names, the best of each name first."""
    place = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda item: (place[item.label], -item.score))
