"""CLIP's image tower: patches to tokens, blocks, projection into the shared space.

Radford et al. 2021, section 2.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.errors import UsageError
from lexiseg.models.clip.transformer import AttentionChoice, Blocks, Transformer

IMAGES_AT_ONCE = 32
CACHED_GRIDS = 16  # photographs come in few sizes; odd collections must not fill the memory


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of an image tower; the defaults are those of ViT-B/16."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    patch_size: int = 16
    image_size: int = 224  # native side in pixels; fixes the square grid of the position table
    embed_dim: int = 512
    mlp_ratio: float = 4.0
    activation: str = "quick_gelu"
    eps: float = 1e-5

    @property
    def grid(self) -> int:
        """Native patches per side."""
        return self.image_size // self.patch_size

    @property
    def hidden(self) -> int:
        """Width inside the MLP."""
        return round(self.width * self.mlp_ratio)


@dataclass(frozen=True)
class PositionTable:
    """How the position table is fitted to another grid than the native one.

    Attributes:
        interpolation: "bilinear" or "bicubic".
        round_fp16: round the fitted table to half precision even at native size, which the
            released code of CLIP as RNN does in both its towers; plain CLIP does not.
        grid_offset: sample with the scale (grid + offset) / native rather than grid / native; DINO
            and after it SCLIP add 0.1.
    """

    interpolation: str = "bilinear"
    round_fp16: bool = False
    grid_offset: float = 0.0

    def resize(self, table: Tensor, native: int, grid: tuple[int, int]) -> Tensor:
        """Fit a table of (1 + native * native, D) to (1 + rows * columns, D), float32.

        Patch rows are sampled at pixel centers (align_corners=False) without antialiasing; the
        CLS row is kept.
        """
        cls_row, patch_rows = table[:1].float(), table[1:].float()
        if grid != (native, native):
            square = patch_rows.T.reshape(1, -1, native, native)
            patch_rows = self._sample(square, native, grid).flatten(2)[0].T
        if self.round_fp16:
            cls_row, patch_rows = cls_row.half().float(), patch_rows.half().float()
        return torch.cat([cls_row, patch_rows])

    def _sample(self, square: Tensor, native: int, grid: tuple[int, int]) -> Tensor:
        if not self.grid_offset:
            return F.interpolate(square, size=grid, mode=self.interpolation, align_corners=False)
        scale = [(side + self.grid_offset) / native for side in grid]
        return F.interpolate(
            square, scale_factor=scale, mode=self.interpolation, align_corners=False
        )


PLAIN_POSITIONS = PositionTable()


def require_patch(height: int, width: int, patch: int) -> None:
    """Check that an image holds a patch.

    Raises:
        UsageError: it is smaller.
    """
    if min(height, width) < patch:
        raise UsageError(
            f"The image has {height}x{width} pixels, less than one patch of {patch}x{patch}: "
            "enlarge it first."
        )


@torch.no_grad()
def encode_in_batches(
    tower: Callable[[Tensor], Tensor], pixels: Tensor, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """What an image tower makes of normalized pixels (B, 3, H, W): (B, E) float32."""
    parts = [
        tower(chunk.to(device, dtype)).float() for chunk in torch.split(pixels, IMAGES_AT_ONCE)
    ]
    return torch.cat(parts)


class VisionTower(nn.Module):
    """A CLIP vision transformer for images of any size.

    Example:
        >>> import torch
        >>> config = VisionConfig(32, layers=3, heads=2, patch_size=8, image_size=32, embed_dim=16)
        >>> tower = VisionTower(config)
        >>> tokens = tower.embed(torch.zeros(1, 3, 24, 40))      # 3 x 5 patches and CLS
        >>> last_input = tower.run(tokens, stop=2)               # the input of the last block
        >>> tower.project(tower.run(last_input, start=2)).shape
        torch.Size([1, 16, 16])
    """

    def __init__(self, config: VisionConfig, position: PositionTable = PLAIN_POSITIONS) -> None:
        super().__init__()
        self.config = config
        self.position = position
        width = config.width
        self.conv1 = nn.Conv2d(3, width, config.patch_size, stride=config.patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width).normal_(std=width**-0.5))
        self.positional_embedding = nn.Parameter(
            torch.empty(config.grid**2 + 1, width).normal_(std=width**-0.5)
        )
        self.ln_pre = nn.LayerNorm(width, eps=config.eps)
        self.transformer = Transformer(
            config.layers, width, config.heads, config.hidden, config.activation, config.eps
        )
        self.ln_post = nn.LayerNorm(width, eps=config.eps)
        self.proj = nn.Parameter(torch.empty(width, config.embed_dim).normal_(std=width**-0.5))
        self._fitted: dict[tuple[object, ...], Tensor] = {}

    @property
    def blocks(self) -> Blocks:
        """The residual blocks, first to last."""
        return self.transformer.resblocks

    def embed(self, pixels: Tensor, position: PositionTable | None = None) -> Tensor:
        """Turn normalised pixels into the input tokens of the first block.

        Args:
            pixels: (B, 3, H, W) float; what exceeds a multiple of the patch size is not seen.
            position: how to fit the position table; None takes the tower's own way.

        Returns:
            (B, 1 + rows * columns, D): CLS first, then the patches row by row.
        """
        height, width = pixels.shape[-2:]
        patch = self.config.patch_size
        require_patch(height, width, patch)
        patches = self.conv1(pixels.to(self.conv1.weight.dtype)).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(len(patches), 1, -1)
        table = self.position_for((height // patch, width // patch), position)
        return cast(Tensor, self.ln_pre(torch.cat([cls, patches], dim=1) + table))

    def position_for(self, grid: tuple[int, int], position: PositionTable | None = None) -> Tensor:
        """Position table (1 + rows * columns, D) for a grid of patches, in the tower's dtype."""
        fit = position or self.position
        table = self.positional_embedding
        native = self.config.grid
        if torch.is_grad_enabled() or self.training or table.is_inference():
            return fit.resize(table, native, grid).to(table.dtype)
        key = (grid, fit, table.data_ptr(), table._version, table.dtype, table.device)
        fitted = self._fitted.get(key)
        if fitted is None:
            if len(self._fitted) >= CACHED_GRIDS:
                self._fitted.clear()
            fitted = fit.resize(table.detach(), native, grid).to(table.dtype)
            self._fitted[key] = fitted
        return fitted

    def run(
        self,
        tokens: Tensor,
        start: int = 0,
        stop: int | None = None,
        attention: AttentionChoice = None,
    ) -> Tensor:
        """Pass (B, 1 + n, D) tokens through blocks[start:stop]; details in Transformer.run."""
        return self.transformer.run(tokens, start, stop, attention)

    def project(self, tokens: Tensor) -> Tensor:
        """Apply the final normalisation and the projection to tokens (..., D), giving (..., E)."""
        return cast(Tensor, self.ln_post(tokens)) @ self.proj

    def forward(self, pixels: Tensor) -> Tensor:
        """Image features (B, E): the projected CLS token after all blocks, not normalised."""
        return self.project(self.run(self.embed(pixels))[:, 0])
