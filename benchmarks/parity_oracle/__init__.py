"""Rebuild a pack of the oracle analysis and of FC-CLIP and MAFT+, part by part.

Every part is a module with `recognizes(folder)` and `rebuild(folder)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison import Comparison
from benchmarks.parity_oracle import inference, matching, networks, oracles, quality

PARTS = (networks, inference, matching, oracles, quality)


def recognizes(folder: Path) -> bool:
    """Whether a folder is such a pack."""
    return all(part.recognizes(folder) for part in PARTS)


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of every part."""
    for part in PARTS:
        yield from part.rebuild(folder)
