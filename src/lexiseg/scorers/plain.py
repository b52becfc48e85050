"""CLIP's own patch tokens, unchanged: what every other scorer improves on."""

from __future__ import annotations

from typing import ClassVar

from lexiseg.ops.attention import AttentionFn, plain
from lexiseg.scorers.base import LastBlockScorer


class PlainClip(LastBlockScorer):
    """Cosines of plain CLIP's patch tokens."""

    needs_cls: ClassVar[bool] = True  # a SigLIP projects no patches, only what it has pooled

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """Unchanged."""
        return plain
