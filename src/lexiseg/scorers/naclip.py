"""NACLIP: attention that prefers the neighborhood (Hajimiri et al., WACV 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lexiseg.ops.attention import AttentionFn
from lexiseg.ops.dense_attention import neighborhood
from lexiseg.scorers.base import LastBlockScorer, ScorerConfig


@dataclass(frozen=True)
class NaClipConfig(ScorerConfig):
    """Settings of NACLIP.

    Attributes:
        sigma: standard deviation of the bump around a patch, in patches.
    """

    sigma: float = 5.0


class NaClip(LastBlockScorer):
    """Key-key attention with a Gaussian bump; no residual, no MLP."""

    config_type: ClassVar[type[ScorerConfig]] = NaClipConfig
    config: NaClipConfig
    keeps_residual: ClassVar[bool] = False

    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """Key-key, biased to near patches."""
        return neighborhood(grid_hw, self.config.sigma)
