"""MaskCLIP: the last block's values, without any mixing (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from lexiseg.ops.attention import AttentionFn
from lexiseg.ops.dense_attention import identity
from lexiseg.scorers.base import LastBlockScorer


class MaskClip(LastBlockScorer):
    """Every patch keeps its own value; residual and MLP stay, as in the released code for ViTs."""

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """None at all."""
        return identity
