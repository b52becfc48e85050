"""MaskCLIP: the last block's values, without any mixing (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from lexiseg.ops.attention import AttentionFn, plain
from lexiseg.ops.dense_attention import identity
from lexiseg.scorers.base import LastBlockScorer


class MaskClip(LastBlockScorer):
    """Every patch keeps its own value; residual and MLP stay, as in the released code for ViTs.

    The layer whose mixing is left out is the one that makes the image feature: CLIP's last block,
    or the pooling head of a SigLIP, whose blocks then all stay as they are.
    """

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """None at all."""
        return identity if self.has_cls else plain
