"""SCLIP: correlative self-attention in the last block (Wang et al., ECCV 2024)."""

from __future__ import annotations

from lexiseg.ops.attention import AttentionFn
from lexiseg.ops.dense_attention import correlative
from lexiseg.scorers.base import LastBlockScorer


class SClip(LastBlockScorer):
    """Query-query plus key-key attention for all tokens, CLS included."""

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """Correlative."""
        return correlative
