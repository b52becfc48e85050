"""SC-CLIP: self-calibrated CLIP (Bai et al. 2025), batched and for any grid.

Anomalous tokens are found and repaired, and the coherent middle layers tell which patches belong
together. Every image of a batch is treated as if it were alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.ops.local_outlier import find_outliers, outlier_factors, repair
from lexiseg.scorers.base import ClipScorer, ScorerConfig, TowerBlock, plain_cls


@dataclass(frozen=True)
class ScClipConfig(ScorerConfig):
    """Settings of SC-CLIP; layers count block outputs from 0.

    Attributes:
        position: as `ScorerConfig`.
        templates: as `ScorerConfig`.
        similarity_layer: whose similarities gather tokens before the last block and in it.
        gathering_layer: whose similarities gather tokens after it.
        multi_start: first layer of the multi-level sum.
        multi_end: first layer beyond it.
        depth: number of blocks that the layers are given for; a tower of another depth uses the
            layers at the same relative height.
        cls_weight: share of CLS added to every patch.
        beta: smaller similarities do not gather.
        neighbors: k of the outlier factor.
        quantile: of the factors, above which a token is an outlier.
        contrast: factor of centered similarities in the attention.
    """

    similarity_layer: int = 8
    gathering_layer: int = 3
    multi_start: int = 3
    multi_end: int = 10
    depth: int = 12
    cls_weight: float = 0.3
    beta: float = 0.4
    neighbors: int = 30
    quantile: float = 0.95
    contrast: float = 3.0


@dataclass(frozen=True)
class Levels:
    """Outputs of the blocks before the last, each (B, 1 + n, D).

    Attributes:
        last: of the block before the last.
        similarity: of the layer for the attention.
        gathering: of the layer for the final gathering.
        total: sum over the multi-level layers.
    """

    last: Tensor
    similarity: Tensor
    gathering: Tensor
    total: Tensor


class ScClip(ClipScorer):
    """Scores of calibrated patch features; the image feature is plain CLIP's."""

    config_type: ClassVar[type[ScorerConfig]] = ScClipConfig
    config: ScClipConfig

    def tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `ClipScorer.tokens`; the published method has no CLS, so it is plain CLIP's."""
        block, patch = self.tower.blocks[len(self.tower.blocks) - 1], self.patch_size
        grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        levels = self.levels(pixels)
        cls = self.project(plain_cls(block, levels.last, block.qkv(block.ln_1(levels.last))))
        patches = self.project(self.calibrate(block, levels, grid))
        return torch.cat([cls[:, None], patches], dim=1), cls

    def levels(self, pixels: Tensor) -> Levels:
        """Run all blocks but the last and keep what is needed later."""
        before_last = len(self.tower.blocks) - 1
        similarity, gathering, start = (
            self._scaled(layer)
            for layer in (
                self.config.similarity_layer, self.config.gathering_layer, self.config.multi_start
            )
        )  # fmt: skip
        end = max(start + 1, self._scaled(self.config.multi_end - 1) + 1)
        x, kept, total = self.embed(pixels), {}, None
        for layer in range(before_last):
            x = self.tower.run(x, layer, layer + 1)
            if layer in (similarity, gathering):
                kept[layer] = x
            if start <= layer < end:
                total = x if total is None else total + x
        if total is None:
            return Levels(x, x, x, x)
        return Levels(x, kept[similarity], kept[gathering], total)

    def _scaled(self, layer: int) -> int:
        """A layer of the config at the same relative height in this tower."""
        top = len(self.tower.blocks) - 2
        scaled = round(layer * (top + 1) / max(1, int(self.config.depth) - 1))
        return max(0, min(top, scaled))

    def outlier_factors(self, levels: Levels) -> Tensor:
        """Outlier factor (B, n) of every patch before the last block."""
        return outlier_factors(levels.last[:, 1:], self.config.neighbors)

    def calibrate(self, block: TowerBlock, levels: Levels, grid_hw: tuple[int, int]) -> Tensor:
        """Patches (B, n, D) before the final norm."""
        outliers = find_outliers(self.outlier_factors(levels), self.config.quantile)
        similar = similarities(repair(levels.similarity[:, 1:], outliers, grid_hw))
        gather = gathering(similarities(levels.gathering[:, 1:]), self.config.beta)
        focus = focused(similar, self.config.contrast)
        x = repair(levels.last[:, 1:], outliers, grid_hw)
        x = gathering(similar, self.config.beta).to(x.dtype) @ x
        fine = self._attend(block, x, focus) + self.config.cls_weight * levels.last[:, :1]
        total = levels.total
        coarse = self._attend(block, total[:, 1:], focus) + self.config.cls_weight * total[:, :1]
        gathered: Tensor = gather.to(x.dtype) @ (fine + coarse)
        return gathered

    def _attend(self, block: TowerBlock, x: Tensor, focus: Tensor) -> Tensor:
        """Half of the attention by middle-layer similarity, half by keys; no residual, no MLP."""
        _, key, value = block.qkv(block.ln_1(x))
        by_similarity = focus.to(value.dtype)[:, None] @ value
        by_key = F.scaled_dot_product_attention(key, key, value)
        return block.merge_heads(0.5 * (by_similarity + by_key))


def similarities(tokens: Tensor) -> Tensor:
    """Cosines (B, n, n) float32 among the tokens (B, n, D) of each image."""
    unit = F.normalize(tokens.float(), dim=-1)
    return unit @ unit.mT


def gathering(similar: Tensor, beta: float) -> Tensor:
    """Rows of weights (B, n, n) from similarities of at least beta, summing to 1."""
    kept = similar.masked_fill(similar < beta, 0)
    return kept / (kept.sum(dim=-1, keepdim=True) + 1e-6)


def focused(similar: Tensor, contrast: float) -> Tensor:
    """Softmax over those similarities that exceed the image's mean."""
    centered = contrast * (similar - similar.mean(dim=(1, 2), keepdim=True))
    return centered.masked_fill(centered < 0, -torch.inf).softmax(dim=-1)
