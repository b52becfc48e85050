"""Sizes of the pair, and the three readings of an image tower that training needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.clip import TextConfig, VisionConfig, VisionTower


@dataclass(frozen=True)
class Readings:
    """Features of a batch in the shared space, not normalised, float32."""

    cls: Tensor  # (B, E)
    mean: Tensor  # (B, E) mean of the patch tokens after the final normalisation
    value: Tensor  # (B, n, E) value path of the last block


def vision_config(tower: str) -> VisionConfig:
    """Image tower of the pair, "proposal" or "classifier"."""
    native = 224 if tower == "proposal" else 160
    return VisionConfig(192, 6, 3, 8, image_size=native, embed_dim=192, activation="gelu")


def finer_kernel(kernel: Tensor, patch: int) -> Tensor:
    """Turn a patch embedding's kernel into one for smaller patches.

    On an evenly coloured area the finer kernel gives the same token: neighbouring weights are
    averaged, and the sum over a patch is kept.

    Args:
        kernel: (D, 3, P, P).
        patch: pixels per side of the new patches, a divisor of P.
    """
    ratio = kernel.shape[-1] // patch
    return F.avg_pool2d(kernel, ratio) * ratio**2


def text_config(vocabulary: int) -> TextConfig:
    """Text tower of either pair; as wide as the shared space, which it must be able to fill."""
    return TextConfig(
        192, 2, 3, vocabulary=vocabulary, embed_dim=192, mlp_ratio=2.0, activation="gelu"
    )


def products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Plain attention by two matrix products.

    For a few hundred tokens its backward pass on a processor takes a third of the time of the
    fused function's.
    """
    with torch.autocast(query.device.type, enabled=False):
        scaled = query * query.shape[-1] ** -0.5
        return torch.softmax(scaled @ key.transpose(-1, -2), dim=-1) @ value


def values_only(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Every token reads nothing but itself."""
    return value


def thin(tokens: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Keep the CLS token and a random share of each picture's patch tokens (Li et al. 2023, FLIP).

    Args:
        tokens: (B, 1 + n, D), CLS first.
        share: of the n patch tokens, 0..1.
        generator: of the choice.
    """
    count, width = tokens.shape[1] - 1, tokens.shape[2]
    order = torch.rand(len(tokens), count, generator=generator).argsort(dim=1)
    kept = 1 + order[:, : max(1, round(share * count))].to(tokens.device)
    patches = tokens.gather(1, kept[..., None].expand(-1, -1, width))
    return torch.cat([tokens[:, :1], patches], dim=1)


def read(tower: VisionTower, pixels: Tensor) -> Readings:
    """Run an image tower once and read it; see `read_tokens`."""
    return read_tokens(tower, tower.embed(pixels))


def read_tokens(tower: VisionTower, tokens: Tensor) -> Readings:
    """Read embedded tokens (B, 1 + n, D) at CLS, at the patch mean and on the value path.

    The value path is v -> out_proj -> ln_post -> proj of the last block without any residual:
    Grad-CAM at ln_1 of that block sees exactly this branch, and so do MaskCLIP and its kin. It
    carries local evidence only if training asks it to.
    """
    last = len(tower.blocks) - 1
    x = tower.run(tokens, stop=last, attention=products)
    block = tower.blocks[last]
    value = tower.project(block.attend(block.ln_1(x[:, 1:]), values_only))
    out = tower.ln_post(tower.run(x, start=last, attention=products))
    cls, mean = (y @ tower.proj for y in (out[:, 0], out[:, 1:].mean(dim=1)))
    return Readings(cls.float(), mean.float(), value.float())
