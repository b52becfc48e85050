"""CLIP's own patch tokens, unchanged: what every other scorer improves on."""

from __future__ import annotations

from lexiseg.ops.attention import AttentionFn, plain
from lexiseg.scorers.base import LastBlockScorer


class PlainClip(LastBlockScorer):
    """Cosines of plain CLIP's patch tokens."""

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """Unchanged."""
        return plain
