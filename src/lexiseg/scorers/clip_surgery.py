"""CLIP Surgery: a second path through the last blocks, and scores freed of redundancy.

Li et al. 2023, "A closer look at the explainability of contrastive language-image pre-training".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from lexiseg.models.clip import PositionTable
from lexiseg.ops.attention import plain
from lexiseg.ops.dense_attention import value_value
from lexiseg.ops.surgery import multi_text_surgery, single_text_surgery
from lexiseg.scorers.base import ClipScorer, ScorerConfig, feed_forward
from lexiseg.scorers.text import SCENE_TEMPLATES
from lexiseg.types import DenseFeatures

BILINEAR = PositionTable("bilinear")


@dataclass(frozen=True)
class ClipSurgeryConfig(ScorerConfig):
    """Settings of CLIP Surgery.

    Attributes:
        position: as `ScorerConfig`.
        templates: as `ScorerConfig`; five "in the scene" sentences come on top.
        dual_blocks: last blocks with two paths, whatever the depth.
        surgery: "multi": subtract what all asked texts share; "single": subtract the empty text,
            so that each text is scored on its own.
        legacy_token_norm: divide features by their norm over tokens, as the released code did
            until March 2025, rather than over channels.
    """

    position: PositionTable = BILINEAR
    templates: tuple[str, ...] = SCENE_TEMPLATES
    dual_blocks: int = 6
    surgery: Literal["multi", "single"] = "multi"
    legacy_token_norm: bool = False


class ClipSurgery(ClipScorer):
    """Value-value attention summed up beside the unchanged path, and feature surgery."""

    config_type: ClassVar[type[ScorerConfig]] = ClipSurgeryConfig
    config: ClipSurgeryConfig

    def tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `ClipScorer.tokens`; the method's CLS is plain CLIP's."""
        blocks = self.tower.blocks
        first = max(0, len(blocks) - self.config.dual_blocks)
        original = self.tower.run(self.embed(pixels), stop=first)
        dense = original
        for index in range(first, len(blocks)):
            block = blocks[index]
            heads = block.qkv(block.ln_1(original))
            dense = dense + block.merge_heads(value_value(*heads))
            original = feed_forward(block, original + block.merge_heads(plain(*heads)))
        tokens = self.project(torch.cat([original[:, :1], dense[:, 1:]], dim=1))
        return tokens, tokens[:, 0]

    def to_unit(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 1 + n, E) divided by their norm over channels or, formerly, over tokens."""
        if self.config.legacy_token_norm:
            norm: Tensor = tokens.norm(dim=1, keepdim=True)
            return tokens / norm
        return super().to_unit(tokens)

    @cached_property
    def empty_text(self) -> Tensor:
        """(1, E) unit feature of the sentences without a name."""
        return self.embed_texts([""])

    def score(self, features: DenseFeatures, texts: Tensor) -> Tensor:
        """Scores (B, rows, columns, C) after feature surgery with unit text features (C, E)."""
        if self.config.surgery == "single":
            return single_text_surgery(features.patches, texts, self.empty_text)
        flat = multi_text_surgery(features.patches.flatten(1, 2), features.cls, texts)
        return flat.reshape(*features.patches.shape[:3], -1)
