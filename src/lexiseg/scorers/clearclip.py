"""ClearCLIP: the last block's attention branch alone (Lan et al., ECCV 2024)."""

from __future__ import annotations

from typing import ClassVar

from lexiseg.ops.attention import AttentionFn
from lexiseg.ops.dense_attention import query_query
from lexiseg.scorers.base import LastBlockScorer


class ClearClip(LastBlockScorer):
    """Query-query attention; no residual, no MLP."""

    keeps_residual: ClassVar[bool] = False

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """Query-query."""
        return query_query
