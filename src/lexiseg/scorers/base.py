"""What all scorers on CLIP share: the unchanged blocks, and plain CLIP's answer beside theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.config import override
from lexiseg.errors import UsageError
from lexiseg.models.clip import Block, Clip, PositionTable, VisionTower
from lexiseg.models.siglip import PooledTower, Siglip, SiglipBlock
from lexiseg.ops.attention import AttentionFn, plain
from lexiseg.scorers.text import IMAGENET_TEMPLATES, embed_names
from lexiseg.types import DenseFeatures

# The position fit that SCLIP took from DINO; later methods kept it.
OFFSET_BICUBIC = PositionTable("bicubic", grid_offset=0.1)
TowerBlock = Block | SiglipBlock


@dataclass(frozen=True)
class ScorerConfig:
    """What every scorer can be told.

    Attributes:
        position: how the position table is fitted to other grids than the native one.
        templates: sentences whose features are averaged to a class text.
    """

    position: PositionTable = OFFSET_BICUBIC
    templates: tuple[str, ...] = IMAGENET_TEMPLATES


class ClipScorer(ABC):
    """A dense scorer on a CLIP vision transformer, which stays as it is.

    Args:
        clip: the network; others may use it at the same time. Methods that do not read a CLS
            token (`needs_cls`) also take a SigLIP.
        options: fields of the scorer's config.

    Raises:
        UnknownNameError: no such option.
        UsageError: the method is not defined on the network.
    """

    config_type: ClassVar[type[ScorerConfig]] = ScorerConfig
    needs_cls: ClassVar[bool] = True
    config: ScorerConfig

    def __init__(self, clip: Clip | Siglip, **options: object) -> None:
        self.clip = clip
        self.config = override(self.config_type(), options)
        if self.needs_cls and not self.has_cls:
            raise UsageError(
                f"{type(self).__name__} reads CLIP's CLS token, which a SigLIP does not have; give "
                "CLIP weights, or choose maskclip, sclip, clearclip or naclip."
            )

    @property
    def tower(self) -> VisionTower | PooledTower:
        """The image tower."""
        return self.clip.visual

    @property
    def has_cls(self) -> bool:
        """Whether the image tower has a CLS token."""
        return not isinstance(self.clip.visual, PooledTower)

    @property
    def input_size(self) -> int:
        """Native side of the square input in pixels."""
        return int(self.tower.config.image_size)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return int(self.tower.config.patch_size)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.clip.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return self.clip.dtype

    @property
    def name(self) -> str:
        """What the network's weights are called."""
        return self.clip.name

    @property
    def fingerprint(self) -> str:
        """The sha256 of the network's weights."""
        return self.clip.fingerprint

    def normalize(self, images: Tensor) -> Tensor:
        """Subtract the mean and divide by the deviation of (B, 3, H, W) in [0, 1]."""
        statistics = self.clip.preprocessing.mean, self.clip.preprocessing.std
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in statistics)
        return (images - mean) / std

    def embed_texts(self, names: Sequence[str]) -> Tensor:
        """Unit text features (C, E) of names, averaged over the method's templates."""
        return embed_names(self.clip, names, self.config.templates)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> DenseFeatures:
        """Features of normalized pixels (B, 3, H, W) of at least a patch on either side."""
        tokens, clip_cls = self.tokens(pixels)
        unit = self.to_unit(tokens)
        patch = self.patch_size
        grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        return DenseFeatures(
            unit[:, 1:].reshape(len(unit), *grid, -1), unit[:, 0], F.normalize(clip_cls, dim=-1)
        )

    def to_unit(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 1 + n, E) of unit length."""
        return F.normalize(tokens, dim=-1)

    def score(self, features: DenseFeatures, texts: Tensor) -> Tensor:
        """Cosines (B, rows, columns, C) with unit text features (C, E)."""
        return features.patches @ texts.T

    @abstractmethod
    def tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Projected tokens before they are made unit, in float32.

        Args:
            pixels: (B, 3, H, W) normalized.

        Returns:
            The method's tokens (B, 1 + n, E), CLS first, and plain CLIP's CLS (B, E).
        """

    def embed(self, pixels: Tensor) -> Tensor:
        """Input tokens of the first block."""
        placed = pixels.to(self.device, self.clip.dtype)
        return self.tower.embed(placed, self.config.position)

    def project(self, tokens: Tensor) -> Tensor:
        """Final norm and projection, float32."""
        return self.tower.project(tokens).float()


class LastBlockScorer(ClipScorer):
    """A method that changes only the last block's attention, and possibly what follows it.

    The blocks before run once; the last one is left twice, changed for all tokens and plain for
    CLS alone. Without CLS, the plain image feature is pooled from all plain tokens, and stands in
    for the method's own.
    """

    needs_cls: ClassVar[bool] = False
    keeps_residual: ClassVar[bool] = True

    @abstractmethod
    def attention(self, grid_hw: tuple[int, int]) -> AttentionFn:
        """The last block's attention for a grid of patches."""

    def tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `ClipScorer.tokens`."""
        last = len(self.tower.blocks) - 1
        block, patch = self.tower.blocks[last], self.patch_size
        x = self.tower.run(self.embed(pixels), stop=last)
        heads = block.qkv(block.ln_1(x))
        attend = self.attention((pixels.shape[-2] // patch, pixels.shape[-1] // patch))
        changed = block.merge_heads(attend(*heads))
        if self.keeps_residual:
            changed = feed_forward(block, x + changed)
        tower = self.tower
        if not isinstance(tower, PooledTower):
            return self.project(changed), self.project(plain_cls(block, x, heads))
        unchanged = feed_forward(block, x + block.merge_heads(plain(*heads)))
        whole = tower.pool(unchanged).float()
        return torch.cat([whole[:, None], self.project(changed)], dim=1), whole


def feed_forward(block: TowerBlock, x: Tensor) -> Tensor:
    """The second half of a block."""
    return x + cast(Tensor, block.mlp(block.ln_2(x)))


def plain_cls(block: TowerBlock, x: Tensor, heads: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """CLS (B, D) after an unchanged block, given the block's input and its heads."""
    query, key, value = heads
    mixed = block.merge_heads(plain(query[:, :, :1], key, value))
    return feed_forward(block, x[:, :1] + mixed)[:, 0]
