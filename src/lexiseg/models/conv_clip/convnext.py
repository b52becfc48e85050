"""ConvNeXt as CLIP's image tower (Liu et al. 2022; Cherti et al. 2023).

Module names are those of published checkpoints: timm's trunk and open_clip's head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lexiseg.models.conv_clip.tower import ConvTower, Levels
from lexiseg.models.normalization import ChannelNorm
from lexiseg.ops.mask_pooling import pool_masks

FourSizes = tuple[int, int, int, int]


@dataclass(frozen=True)
class ConvNextConfig:
    """Sizes; the defaults are those of convnext_large_d_320.

    Attributes:
        widths: channels of the four stages.
        depths: blocks of the four stages.
        embed_dim: width of the space shared with texts.
        hidden: width inside the head's two layers; None for a head of a single layer.
        image_size: side in pixels of the squares it was trained on.
        eps: of all its layer normalizations.
    """

    widths: FourSizes = (192, 384, 768, 1536)
    depths: FourSizes = (3, 3, 27, 3)
    embed_dim: int = 768
    hidden: int | None = 1536
    image_size: int = 320
    eps: float = 1e-6


class PointwiseMlp(nn.Module):
    """Two linear layers with GELU between, on the last axis."""

    def __init__(self, width: int, hidden: int, out: int, last_bias: bool = True) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, out, bias=last_bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., out)."""
        return cast(Tensor, self.fc2(nn.functional.gelu(self.fc1(x))))


class ConvNextBlock(nn.Module):
    """Depthwise 7 x 7 convolution, then normalization and an MLP at every pixel, scaled."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.mlp = PointwiseMlp(width, 4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Refine maps (B, C, H, W)."""
        mixed = self.norm(self.conv_dw(x).permute(0, 2, 3, 1))
        change: Tensor = self.gamma * self.mlp(mixed)
        return x + change.permute(0, 3, 1, 2)


class Stage(nn.Module):
    """Halves the resolution, except the first stage, and refines."""

    def __init__(self, before: int, width: int, depth: int, eps: float) -> None:
        super().__init__()
        halve = nn.Sequential(ChannelNorm(before, eps), nn.Conv2d(before, width, 2, stride=2))
        self.downsample = nn.Identity() if before == width else halve
        self.blocks = nn.Sequential(*(ConvNextBlock(width, eps) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / 2, W / 2)."""
        return cast(Tensor, self.blocks(self.downsample(x)))


class TrunkHead(nn.Module):
    """The part of timm's classifier that CLIP keeps: the normalization behind the pooling."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)


class Trunk(nn.Module):
    """Stem and four stages."""

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        first, eps = config.widths[0], config.eps
        self.stem = nn.Sequential(nn.Conv2d(3, first, 4, stride=4), ChannelNorm(first, eps))
        befores = (first, *config.widths[:3])
        sizes = zip(befores, config.widths, config.depths, strict=True)
        self.stages = nn.ModuleList(Stage(*size, eps) for size in sizes)
        self.head = TrunkHead(config.widths[-1], eps)

    def maps(self, pixels: Tensor) -> Iterator[Tensor]:
        """What the stages make of pixels (B, 3, H, W), one after the other."""
        # Kept channels-last, so that the blocks' changes of axes cost nothing.
        x = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        for stage in self.stages:
            x = stage(x)
            yield x


class Head(nn.Module):
    """Into the space shared with texts: one layer, or two with GELU between."""

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        width, out = config.widths[-1], config.embed_dim
        if config.hidden is None:
            self.proj = nn.Linear(width, out, bias=False)
        else:
            self.mlp = PointwiseMlp(width, config.hidden, out, last_bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., E)."""
        return cast(Tensor, self.proj(x) if hasattr(self, "proj") else self.mlp(x))


class ConvNextTower(ConvTower):
    """A ConvNeXt image tower for images of any size.

    Example:
        >>> config = ConvNextConfig((8, 16, 24, 32), (1, 1, 2, 1), embed_dim=20, hidden=40)
        >>> tower = ConvNextTower(config)
        >>> dense = tower.levels(torch.zeros(1, 3, 64, 96))[-1]
        >>> dense.shape, tower.embed_masks(dense, torch.ones(1, 5, 16, 24)).shape
        (torch.Size([1, 32, 2, 3]), torch.Size([1, 5, 20]))
    """

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config)
        self.head = Head(config)

    @property
    def channels(self) -> FourSizes:
        """Channels of the four levels."""
        return self.config.widths

    @property
    def embed_dim(self) -> int:
        """Width of the space shared with texts."""
        return self.config.embed_dim

    @property
    def image_size(self) -> int:
        """Side in pixels of the squares it was trained on."""
        return self.config.image_size

    def levels(self, pixels: Tensor) -> Levels:
        """Feature maps of normalized pixels (B, 3, H, W), as the stages leave them."""
        first, second, third, fourth = self.trunk.maps(pixels)
        return first, second, third, fourth

    def embed(self, pooled: Tensor) -> Tensor:
        """Bring averaged features (..., C) into the space shared with texts, (..., E).

        The order is part of the network: average, normalize, project.
        """
        return cast(Tensor, self.head(self.trunk.head.norm(pooled)))

    def embed_masks(self, dense: Tensor, logits: Tensor) -> Tensor:
        """Features (B, Q, E) of masks; one without a cell is embedded as the zero vector."""
        return self.embed(pool_masks(dense, logits))

    def embed_cells(self, dense: Tensor) -> Tensor:
        """Features (B, E, h, w) of single cells."""
        return self.embed(dense.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        """CLIP's embedding (B, E), the average over the whole image."""
        return self.embed(self.levels(pixels)[-1].mean(dim=(2, 3)))
