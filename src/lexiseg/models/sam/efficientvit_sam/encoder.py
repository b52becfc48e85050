"""EfficientViT-SAM's image encoder; module names equal the keys below ``image_encoder.``."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from lexiseg.models.normalization import ChannelNorm
from lexiseg.models.sam.efficientvit_sam.config import EfficientVitConfig
from lexiseg.models.sam.efficientvit_sam.layers import (
    BLOCKS,
    EPS,
    Branch,
    ConvLayer,
    FusedBottleneck,
    Sequence,
)
from lexiseg.models.sam.efficientvit_sam.linear_attention import AttentionBlock

STRIDED_EXPANSION = 4  # a stage's first block expands this many times as much as the others


class Backbone(nn.Module):
    """Stages of EfficientViT-Large, each at half the resolution of the one before."""

    def __init__(self, config: EfficientVitConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_stage(config, index) for index in range(len(config.widths)))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """The maps of every stage."""
        maps = [pixels]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


def _stage(config: EfficientVitConfig, index: int) -> Sequence:
    width, kind, expansion = config.widths[index], config.kinds[index], config.expansions[index]
    sparse = config.sparse_norms[index]
    first: nn.Module
    if index == 0:
        first = ConvLayer(3, width, 3, stride=2)
    else:
        strided = BLOCKS["bottleneck" if kind == "attention" else kind]
        inputs = config.widths[index - 1]
        first = Branch(strided(inputs, width, 2, expansion * STRIDED_EXPANSION, sparse), skip=False)
    return Sequence([first, *(_block(config, index) for _ in range(config.depths[index]))])


def _block(config: EfficientVitConfig, index: int) -> nn.Module:
    width, kind, expansion = config.widths[index], config.kinds[index], config.expansions[index]
    if kind == "attention":
        return AttentionBlock(width, config.head_width, config.neighborhood, expansion)
    return Branch(BLOCKS[kind](width, width, 1, expansion, config.sparse_norms[index]))


class Neck(nn.Module):
    """Bring the last maps to one width and one size, add them and refine the sum."""

    def __init__(self, config: EfficientVitConfig) -> None:
        super().__init__()
        self.side = config.neck_side
        self.stages = config.neck_stages
        width = config.neck_width
        self.input_ops = nn.ModuleList(
            Sequence([ConvLayer(config.widths[stage], width, act=False)]) for stage in self.stages
        )
        self.middle = Sequence(
            [
                Branch(FusedBottleneck(width, width, 1, config.neck_expansion, sparse_norm=False))
                for _ in range(config.neck_depth)
            ]
        )
        output = ConvLayer(width, width, norm=False, act=False)
        self.output_ops = nn.ModuleList([Sequence([output])])

    def forward(self, maps: list[Tensor]) -> Tensor:
        """(B, width, side, side) from the maps of every stage."""
        inputs = zip(self.input_ops, self.stages, strict=True)
        total = sum(self._resize(layer(maps[stage])) for layer, stage in inputs)
        refined: Tensor = self.output_ops[0](self.middle(total))
        return refined

    def _resize(self, maps: Tensor) -> Tensor:
        if tuple(maps.shape[-2:]) == (self.side, self.side):
            return maps
        resized = F.interpolate(
            maps.float(), (self.side, self.side), mode="bicubic", align_corners=False
        )
        return resized.to(maps.dtype)


class EfficientVitEncoder(nn.Module):
    """EfficientViT-SAM's image encoder (Zhang et al. 2024, figure 2).

    Args:
        config: sizes.

    Example:
        >>> import torch
        >>> from dataclasses import replace
        >>> from lexiseg.models.sam.efficientvit_sam.config import EFFICIENTVIT_SAM
        >>> tiny = replace(EFFICIENTVIT_SAM["l0"], widths=(4, 4, 4, 4, 32), depths=(0,) * 5)
        >>> tiny = replace(tiny, neck_width=8, neck_side=4, image_side=64)
        >>> EfficientVitEncoder(tiny).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 8, 4, 4])
    """

    def __init__(self, config: EfficientVitConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.neck = Neck(config)
        self.norm = ChannelNorm(config.neck_width, EPS)

    def forward(self, pixels: Tensor) -> Tensor:
        """Image features.

        Args:
            pixels: (B, 3, image_side, image_side), normalized with ImageNet's statistics, zero
                beyond the image.

        Returns:
            (B, neck_width, neck_side, neck_side).
        """
        features: Tensor = self.norm(self.neck(self.backbone(pixels)))
        return features
