"""Rebuild a zero-guidance reference pack, part by part.

Every part is a module with `recognizes(folder)` and `rebuild(folder)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison import Comparison
from benchmarks.parity_zero_guidance import candidates, embeddings, merging, metrics, names

PARTS = (candidates, embeddings, names, merging, metrics)


def recognizes(folder: Path) -> bool:
    """Whether a folder is a zero-guidance pack."""
    return all(part.recognizes(folder) for part in PARTS)


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of every part."""
    for part in PARTS:
        yield from part.rebuild(folder)
