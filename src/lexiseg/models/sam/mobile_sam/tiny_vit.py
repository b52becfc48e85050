"""MobileSAM's image encoder: a TinyViT trunk and SAM's neck.

Module names equal the keys below ``image_encoder.`` of the published file. Blocks work on
(B, C, H, W) maps. Sources: Wu et al. 2022 (TinyViT), Zhang et al. 2023 (MobileSAM).
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from lexiseg.models.normalization import ChannelNorm
from lexiseg.models.sam.mobile_sam.config import TinyVitConfig
from lexiseg.models.sam.mobile_sam.window_attention import (
    WindowAttention,
    join_windows,
    split_windows,
)


def conv_norm(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size (up to its stride), then batch normalization."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(c=conv, bn=nn.BatchNorm2d(outputs)))


class PatchEmbedding(nn.Module):
    """Two strided convolutions: (B, 3, H, W) pixels to (B, width, H/4, W/4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            conv_norm(3, width // 2, 3, 2), nn.GELU(), conv_norm(width // 2, width, 3, 2)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Embedded patches."""
        maps: Tensor = self.seq(pixels)
        return maps


class ConvBlock(nn.Module):
    """Inverted bottleneck of the convolutional stage: expand, depth-wise, project, add."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        hidden = width * expansion
        self.conv1 = conv_norm(width, hidden)
        self.conv2 = conv_norm(hidden, hidden, 3, groups=hidden)
        self.conv3 = conv_norm(hidden, width)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the same shape; unlike in other networks the sum is activated once more."""
        hidden = F.gelu(self.conv2(F.gelu(self.conv1(maps))))
        return F.gelu(self.conv3(hidden) + maps)


class Merge(nn.Module):
    """Bring the maps to the width and resolution of the next stage."""

    def __init__(self, width: int, next_width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv_norm(width, next_width)
        self.conv2 = conv_norm(next_width, next_width, 3, stride, groups=next_width)
        self.conv3 = conv_norm(next_width, next_width)

    def forward(self, maps: Tensor) -> Tensor:
        """Merged maps."""
        merged: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(maps)))))
        return merged


class Mlp(nn.Module):
    """Normalize, expand, activate, project; on the last axis."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(self.norm(tokens))))
        return out


class WindowBlock(nn.Module):
    """Window attention, a depth-wise convolution across window borders, and an MLP."""

    def __init__(self, width: int, heads: int, window: int, mlp_ratio: int) -> None:
        super().__init__()
        self.attn = WindowAttention(width, heads, window)
        self.local_conv = conv_norm(width, width, 3, groups=width)
        self.mlp = Mlp(width, width * mlp_ratio)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the same shape."""
        tokens, padded_hw = split_windows(maps.permute(0, 2, 3, 1), self.attn.window)
        size_hw = (maps.shape[2], maps.shape[3])
        attended = join_windows(self.attn(tokens), padded_hw, size_hw)
        local = self.local_conv(maps + attended.permute(0, 3, 1, 2))
        out: Tensor = local + self.mlp(local.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


class Stage(nn.Module):
    """Blocks of one width, then the way to the next stage if there is one."""

    def __init__(self, blocks: list[nn.Module], downsample: Merge | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, maps: Tensor) -> Tensor:
        """Maps for the next stage."""
        for block in self.blocks:
            maps = block(maps)
        return maps if self.downsample is None else self.downsample(maps)


class TinyVit(nn.Module):
    """MobileSAM's image encoder.

    Args:
        config: sizes.

    Example:
        >>> import torch
        >>> tiny = TinyVitConfig((8, 8), (1, 1), (1, 2), (7, 3), (2,), neck_width=4)
        >>> TinyVit(tiny).eval()(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 4, 4, 4])
    """

    def __init__(self, config: TinyVitConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbedding(config.widths[0])
        self.layers = nn.ModuleList(_stage(config, index) for index in range(len(config.widths)))
        neck = config.neck_width
        self.neck = nn.Sequential(
            nn.Conv2d(config.widths[-1], neck, 1, bias=False),
            ChannelNorm(neck),
            nn.Conv2d(neck, neck, 3, padding=1, bias=False),
            ChannelNorm(neck),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Image features.

        Args:
            pixels: (B, 3, H, W) with SAM's normalization.

        Returns:
            (B, neck_width, H / stride, W / stride).
        """
        maps = self.patch_embed(pixels)
        for layer in self.layers:
            maps = layer(maps)
        features: Tensor = self.neck(maps)
        return features


def _stage(config: TinyVitConfig, index: int) -> Stage:
    width, depth = config.widths[index], range(config.depths[index])
    blocks: list[nn.Module]
    if index == 0:
        blocks = [ConvBlock(width, config.conv_expansion) for _ in depth]
    else:
        heads, window = config.heads[index], config.windows[index]
        blocks = [WindowBlock(width, heads, window, config.mlp_ratio) for _ in depth]
    steps = [*pairwise(config.widths)]
    merge = Merge(*steps[index], config.merge_strides[index]) if index < len(steps) else None
    return Stage(blocks, merge)
