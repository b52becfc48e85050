"""The vision transformer of DINO, DINOv2 and DINOv3, block by block.

Caron et al. 2021; Oquab et al. 2023; Darcet et al. 2024 (registers); Siméoni et al. 2025. The
names of the parameters are those of the official checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.errors import UsageError
from lexiseg.models.dino.config import DinoConfig
from lexiseg.models.dino.positions import Rotation, fit_table
from lexiseg.ops.attention import plain

Facet = Literal["query", "key", "value"]
FACETS: tuple[Facet, ...] = ("query", "key", "value")


class Attention(nn.Module):
    """Multi-head self-attention; the scores among tokens are never held."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, normed: Tensor, rotation: Rotation | None) -> Tensor:
        """Mix (B, tokens, D)."""
        batch, tokens, width = normed.shape
        packed = self.qkv(normed).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        if rotation is not None:
            query, key = rotation(query), rotation(key)
        return cast(Tensor, self.proj(plain(query, key, value).transpose(1, 2).flatten(2)))

    def facet(self, normed: Tensor, facet: Facet) -> Tensor:
        """One of the three projections of (B, tokens, D), head after head."""
        rows = slice(*(normed.shape[2] * (FACETS.index(facet) + end) for end in (0, 1)))
        return F.linear(normed, self.qkv.weight[rows], self.qkv.bias[rows])


class Mlp(nn.Module):
    """Two linear layers with a non-linearity between."""

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)
        self.activation = getattr(F, config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, tokens, D) to the same shape."""
        return cast(Tensor, self.fc2(self.activation(self.fc1(x))))


class GatedMlp(nn.Module):
    """The same with half of the hidden channels gating the other half."""

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        self.w12 = nn.Linear(config.width, 2 * config.hidden)
        self.w3 = nn.Linear(config.hidden, config.width)
        self.activation = getattr(F, config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, tokens, D) to the same shape."""
        gate, up = self.w12(x).chunk(2, dim=-1)
        return cast(Tensor, self.w3(self.activation(gate) * up))


class LayerScale(nn.Module):
    """A factor for every channel of a residual branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Scale (..., D)."""
        return x * self.gamma


class Block(nn.Module):
    """One residual block: attention, then the MLP, both on normalized tokens."""

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width, eps=config.eps)
        self.attn = Attention(width, config.heads)
        self.ls1 = LayerScale(width) if config.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=config.eps)
        self.mlp = GatedMlp(config) if config.gated else Mlp(config)
        self.ls2 = LayerScale(width) if config.layer_scale else nn.Identity()

    def forward(self, x: Tensor, rotation: Rotation | None) -> Tensor:
        """Pass tokens (B, tokens, D) through both branches."""
        x = x + self.ls1(self.attn(self.norm1(x), rotation))
        return x + cast(Tensor, self.ls2(self.mlp(self.norm2(x))))


class Blocks(nn.ModuleList):
    """A list of blocks, typed."""

    def __iter__(self) -> Iterator[Block]:
        return cast(Iterator[Block], super().__iter__())


class PatchEmbed(nn.Module):
    """The convolution that makes a token of each patch."""

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_size, stride=patch_size)

    def forward(self, pixels: Tensor, stride: int) -> Tensor:
        """Map (B, 3, H, W) to (B, D, rows, columns)."""
        pixels = pixels.to(self.proj.weight.dtype)
        return F.conv2d(pixels, self.proj.weight, self.proj.bias, stride=stride)


class DinoNetwork(nn.Module):
    """A DINO vision transformer whose patches may overlap.

    Example:
        >>> network = DinoNetwork(DinoConfig(24, 3, 2, native_grid=4, hidden=48))
        >>> network.patch_facet(torch.zeros(1, 3, 32, 40), stride=4).shape
        torch.Size([1, 7, 9, 24])
    """

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.cls_token = nn.Parameter(torch.empty(1, 1, width).normal_(std=0.02))
        if config.native_grid:
            positions = 1 + config.native_grid**2
            self.pos_embed = nn.Parameter(torch.empty(1, positions, width).normal_(std=0.02))
        if config.registers:
            self.register_tokens = nn.Parameter(
                torch.empty(1, config.registers, width).normal_(std=0.02)
            )
        self.patch_embed = PatchEmbed(width, config.patch_size)
        self.blocks = Blocks(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width, eps=config.eps)

    def grid(self, size_hw: tuple[int, int], stride: int | None = None) -> tuple[int, int]:
        """Rows and columns of patches of a picture, ``1 + (side - patch) // stride``.

        Raises:
            UsageError: the stride does not divide the patch, or a side is below one patch.
        """
        patch = self.config.patch_size
        step = stride or patch
        if patch % step:
            raise UsageError(f"A stride of {step} does not divide the patch of {patch} pixels.")
        if min(size_hw) < patch:
            raise UsageError(
                f"The image has {size_hw[0]}x{size_hw[1]} pixels, less than one patch of "
                f"{patch}x{patch}: enlarge it first."
            )
        rows, columns = (1 + (side - patch) // step for side in size_hw)
        return rows, columns

    def embed(self, pixels: Tensor, stride: int | None = None) -> Tensor:
        """Turn normalized pixels into the input tokens of the first block.

        Args:
            pixels: (B, 3, H, W) float; H and W need not be equal.
            stride: pixels from patch to patch, a divisor of the patch size, which is the default.

        Returns:
            (B, 1 + registers + rows * columns, D): CLS, registers, patches row by row.
        """
        height, width = pixels.shape[-2:]
        grid = self.grid((height, width), stride)
        patches = self.patch_embed(pixels, stride or self.config.patch_size).flatten(2).mT
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        if self.config.native_grid:
            tokens = tokens + self.positions(grid, height == width)
        if self.config.registers:
            registers = self.register_tokens.expand(len(patches), -1, -1)
            tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        return tokens

    def positions(self, grid_hw: tuple[int, int], square: bool) -> Tensor:
        """The position table fitted to a grid, (1, 1 + rows * columns, D)."""
        return fit_table(self.pos_embed, grid_hw, self.config.position_fit, square)

    def rotation(self, size_hw: tuple[int, int], stride: int | None = None) -> Rotation | None:
        """Rotary positions of the patches of a picture; None where a table says them."""
        config = self.config
        if config.native_grid:
            return None
        overlap = config.patch_size / (stride or config.patch_size)
        grid, head_dim = self.grid(size_hw, stride), config.width // config.heads
        return Rotation(grid, overlap, head_dim, config.rope_theta, self.cls_token.device)

    def run(self, tokens: Tensor, rotation: Rotation | None, stop: int | None = None) -> Tensor:
        """Pass (B, tokens, D) through the blocks before `stop`, or all."""
        for block in list(self.blocks)[:stop]:
            tokens = block(tokens, rotation)
        return tokens

    def facet(self, pixels: Tensor, stride: int | None = None, facet: Facet = "key") -> Tensor:
        """What the last block's attention asks, offers or passes on at every token.

        Nothing after this projection is computed; rotary positions are not applied to it.

        Args:
            pixels: (B, 3, H, W) normalized.
            stride: as for `embed`.
            facet: "query", "key" or "value".

        Returns:
            (B, 1 + registers + rows * columns, D), head after head.
        """
        size_hw = (pixels.shape[2], pixels.shape[3])
        tokens = self.run(self.embed(pixels, stride), self.rotation(size_hw, stride), -1)
        last = list(self.blocks)[-1]
        return last.attn.facet(last.norm1(tokens), facet)

    def patch_facet(
        self, pixels: Tensor, stride: int | None = None, facet: Facet = "key"
    ) -> Tensor:
        """The same of the patches alone, (B, rows, columns, D)."""
        patches = self.facet(pixels, stride, facet)[:, 1 + self.config.registers :]
        rows, columns = self.grid((pixels.shape[2], pixels.shape[3]), stride)
        return patches.reshape(len(patches), rows, columns, -1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalized tokens (B, 1 + registers + patches, D) after all blocks."""
        size_hw = (pixels.shape[2], pixels.shape[3])
        tokens = self.run(self.embed(pixels), self.rotation(size_hw))
        return cast(Tensor, self.norm(tokens))
