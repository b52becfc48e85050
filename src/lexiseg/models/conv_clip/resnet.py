"""CLIP's modified ResNet with attention pooling (Radford et al. 2021, section 2.4).

Module names are those of OpenAI's checkpoints. Masks are read by the pooling itself, run once per
mask with the other pixels hidden (FC-CLIP, section 3.3).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.errors import UsageError
from lexiseg.models.conv_clip.tower import ConvTower, Levels
from lexiseg.ops.mask_pooling import resize_masks

EXPANSION = 4  # a block's output has so many times its inner width


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes; the defaults are those of RN50.

    Attributes:
        layers: blocks of the four stages.
        width: channels of the stem.
        heads: of the attention pooling.
        embed_dim: width of the space shared with texts.
        image_size: side in pixels of the squares it was trained on.
    """

    layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64
    heads: int = 32
    embed_dim: int = 1024
    image_size: int = 224

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four levels."""
        first = EXPANSION * self.width
        return first, 2 * first, 4 * first, 8 * first


class Bottleneck(nn.Module):
    """A residual block that shrinks by averaging rather than by strides."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        out = EXPANSION * width
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or before != out:
            # Named as in the checkpoints, whose first entry has no weights.
            shrink = nn.AvgPool2d(stride)
            widen = nn.Conv2d(before, out, 1, bias=False)
            parts = {"-1": shrink, "0": widen, "1": nn.BatchNorm2d(out)}
            self.downsample = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = self.avgpool(F.relu(self.bn2(self.conv2(inner))))
        return F.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


class AttentionPool(nn.Module):
    """Pools by attention of one query, the mean, to all cells."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        width = config.channels[-1]
        if width % config.heads:
            raise UsageError(f"A width of {width} cannot be split into {config.heads} equal heads.")
        self.heads = config.heads
        cells = (config.image_size // 32) ** 2
        self.positional_embedding = nn.Parameter(torch.randn(cells + 1, width) / width**0.5)
        self.k_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, config.embed_dim)

    def forward(self, dense: Tensor) -> Tensor:
        """Pool maps (B, C, h, w) to (B, E); the mean is also one of those looked at."""
        cells, mean = self._cells(dense), self._mean(dense)
        return self._attend(mean, torch.cat([mean, cells], dim=1))[:, 0]

    def masks(self, dense: Tensor, logits: Tensor) -> Tensor:
        """Pool maps (B, C, h, w) once for each mask (B, Q, h', w'), to (B, Q, E).

        The query is the mean of all cells whatever the mask; only the mask's own are looked at.
        """
        seen = (resize_masks(logits, (dense.shape[2], dense.shape[3])) > 0).flatten(2)
        query = self._mean(dense).expand(-1, seen.shape[1], -1)
        return self._attend(query, self._cells(dense), seen)

    def cells(self, dense: Tensor) -> Tensor:
        """What the pooling makes of each cell of (B, C, h, w) alone, (B, E, h, w)."""
        embedded: Tensor = self.c_proj(self.v_proj(self._cells(dense)))
        return embedded.transpose(1, 2).view(len(dense), -1, *dense.shape[2:])

    def _mean(self, dense: Tensor) -> Tensor:
        return dense.mean(dim=(2, 3))[:, None] + self.positional_embedding[0]

    def _cells(self, dense: Tensor) -> Tensor:
        return (dense + self._positions(dense.shape[2], dense.shape[3])).flatten(2).transpose(1, 2)

    def _positions(self, height: int, width: int) -> Tensor:
        """The table of cells (1, C, h, w), resized bilinearly."""
        side = round((len(self.positional_embedding) - 1) ** 0.5)
        table = self.positional_embedding[1:].T.reshape(1, -1, side, side)
        if (height, width) == (side, side):
            return table
        resized = F.interpolate(table.float(), (height, width), mode="bilinear")
        return resized.to(table.dtype)

    def _attend(self, query: Tensor, cells: Tensor, seen: Tensor | None = None) -> Tensor:
        """Multi-head attention of (B, Q, C) to (B, n, C); one that sees nothing mixes zeros."""
        asked, key, value = (
            layer(tokens).view(len(tokens), tokens.shape[1], self.heads, -1).transpose(1, 2)
            for layer, tokens in (
                (self.q_proj, query),
                (self.k_proj, cells),
                (self.v_proj, cells),
            )
        )
        mask = None if seen is None else seen[:, None]
        mixed = F.scaled_dot_product_attention(asked, key, value, attn_mask=mask)
        if seen is not None:
            mixed = torch.where(seen.any(dim=-1)[:, None, :, None], mixed, 0)
        return cast(Tensor, self.c_proj(mixed.transpose(1, 2).flatten(2)))


class ResNetTower(ConvTower):
    """A ResNet image tower for images of any size.

    Example:
        >>> tower = ResNetTower(ResNetConfig((1, 1, 1, 1), width=8, heads=4, embed_dim=16)).eval()
        >>> dense = tower.levels(torch.zeros(1, 3, 64, 96))[-1]
        >>> dense.shape, tower.embed_masks(dense, torch.ones(1, 5, 16, 24)).shape
        (torch.Size([1, 256, 2, 3]), torch.Size([1, 5, 16]))
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        half = config.width // 2
        self.conv1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, config.width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(config.width)
        befores: Sequence[int] = (config.width, *config.channels[:3])
        for number, (before, blocks) in enumerate(zip(befores, config.layers, strict=True)):
            width, stride = config.width * 2**number, 2 if number else 1
            rest = (Bottleneck(EXPANSION * width, width, 1) for _ in range(blocks - 1))
            stage = nn.Sequential(Bottleneck(before, width, stride), *rest)
            self.add_module(f"layer{number + 1}", stage)
        self.attnpool = AttentionPool(config)

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four levels."""
        return self.config.channels

    @property
    def embed_dim(self) -> int:
        """Width of the space shared with texts."""
        return self.config.embed_dim

    @property
    def image_size(self) -> int:
        """Side in pixels of the squares it was trained on."""
        return self.config.image_size

    def levels(self, pixels: Tensor) -> Levels:
        """Feature maps of normalized pixels (B, 3, H, W)."""
        x = F.relu(self.bn1(self.conv1(pixels)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.avg_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        first = self.get_submodule("layer1")(x)
        second = self.get_submodule("layer2")(first)
        third = self.get_submodule("layer3")(second)
        return first, second, third, self.get_submodule("layer4")(third)

    def embed_masks(self, dense: Tensor, logits: Tensor) -> Tensor:
        """Features (B, Q, E) of masks; one without a cell is embedded as if nothing was seen."""
        return self.attnpool.masks(dense, logits)

    def embed_cells(self, dense: Tensor) -> Tensor:
        """Features (B, E, h, w) of single cells: what the pooling makes of each alone."""
        return self.attnpool.cells(dense)

    def forward(self, pixels: Tensor) -> Tensor:
        """CLIP's embedding (B, E)."""
        return cast(Tensor, self.attnpool(self.levels(pixels)[-1]))
