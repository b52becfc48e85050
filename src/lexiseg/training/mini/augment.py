"""Cheap changes of a batch of pictures that keep their captions true."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.clip.preprocess import MEAN, STD

LUMA = (0.299, 0.587, 0.114)


def mirror(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Mirror half of the pictures and shrink all; as `sample` otherwise."""
    pixels = images.permute(0, 3, 1, 2).float().div_(255)
    small = F.interpolate(pixels, (size, size), mode="area")
    turned = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(turned.to(images.device), small.flip(3), small)


def distort(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """All changes of shape and color; arguments and result as of `sample`."""
    return restyle(recolor(sample(images, size, generator), generator), generator)


def sample(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Mirror, zoom, shear, turn, shift and bend a little, and resample to `size`.

    Args:
        images: (B, S, S, 3) uint8.
        size: pixels per side.
        generator: of all random choices.

    Returns:
        (B, 3, size, size) float32 in [0, 1].
    """
    count = len(images)
    zoom = torch.empty(count).uniform_(0.75, 1.3, generator=generator)
    stretch = torch.empty(count).uniform_(-0.2, 0.2, generator=generator).exp()
    angle = torch.empty(count).uniform_(-0.35, 0.35, generator=generator)
    shear = torch.empty(count).uniform_(-0.2, 0.2, generator=generator)
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
    shift = torch.empty(count, 2).uniform_(-0.08, 0.08, generator=generator)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    rows = [
        cos * mirror * stretch,
        shear - sin,
        shift[:, 0],
        sin * mirror,
        cos / stretch,
        shift[:, 1],
    ]
    matrix = torch.stack(rows, dim=1).view(count, 2, 3).to(images.device)
    pixels = images.permute(0, 3, 1, 2).float().div_(255)
    grid = F.affine_grid(matrix, [count, 3, size, size], align_corners=False)
    grid = grid + bend(count, size, generator).to(images.device)
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def bend(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Smooth random displacements (count, size, size, 2), as shares of half a picture's side.

    Elastic deformation (Simard et al. 2003, section 2) on a grid of 5 x 5 points: a pictograph is
    never seen twice in the same outline.
    """
    coarse = 0.05 * torch.randn(count, 2, 5, 5, generator=generator)
    fine = F.interpolate(coarse, (size, size), mode="bicubic", align_corners=True)
    return fine.permute(0, 2, 3, 1)


def restyle(pixels: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """Give a share of the pictures another look: few colours, a negative, or mixed channels.

    Args:
        pixels: (B, 3, s, s) in [0, 1].
        generator: of all random choices.
        share: of the pictures that are changed, 0..1; each gets one look.
    """
    count = len(pixels)
    shape = (count, 1, 1, 1)
    draw = torch.rand(shape, generator=generator).to(pixels.device) / share
    levels = torch.randint(2, 6, shape, generator=generator).to(pixels.device)
    mix = torch.rand(count, 3, 3, generator=generator).to(pixels.device)
    mixed = (mix / mix.sum(dim=2, keepdim=True)) @ pixels.flatten(2)
    looks = ((pixels * levels).round() / levels, 1 - pixels, mixed.view_as(pixels))
    for number, look in enumerate(looks):
        chosen = (draw >= number / len(looks)) & (draw < (number + 1) / len(looks))
        pixels = torch.where(chosen, look, pixels)
    return pixels


def recolor(pixels: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Turn hue, change saturation, contrast and brightness, one linear map per picture."""
    count = len(pixels)
    draw = torch.empty(4, count).uniform_(-1, 1, generator=generator) * strength
    matrix = hue_matrix(draw[0] * 0.5) * (1 + 0.3 * draw[1])[:, None, None]
    grey = torch.tensor(LUMA).expand(3, 3)
    keep = (1 + 0.5 * draw[2])[:, None, None]
    matrix = keep * matrix + (1 - keep) * grey
    offset = (0.12 * draw[3])[:, None, None]
    flat = torch.baddbmm(
        offset.to(pixels.device).expand(count, 3, 1), matrix.to(pixels.device), pixels.flatten(2)
    )
    return flat.clamp_(0, 1).view_as(pixels)


def hue_matrix(angle: Tensor) -> Tensor:
    """Rotation (B, 3, 3) of RGB about the grey axis by angles (B,) in radians (Rodrigues)."""
    axis = torch.full((3,), 1 / math.sqrt(3))
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cos * torch.eye(3) + sin * cross + (1 - cos) * torch.outer(axis, axis)


def blur(pixels: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with mirrored borders; the kernel reaches to three sigma.

    As two products with a band matrix: on a processor several times faster than a convolution of
    three lone channels.
    """
    rows, columns = (gaussian_band(side, sigma).to(pixels) for side in pixels.shape[2:])
    return rows @ pixels @ columns.T


@lru_cache(maxsize=64)
def gaussian_band(side: int, sigma: float) -> Tensor:
    """Matrix (side, side) that blurs a line of pixels mirrored at both ends."""
    reach = min(max(1, round(3 * sigma)), side - 1)
    offsets = torch.arange(-reach, reach + 1)
    weight = torch.exp(-0.5 * (offsets / sigma) ** 2)
    source = (torch.arange(side)[:, None] + offsets).abs()
    source = torch.where(source > side - 1, 2 * (side - 1) - source, source)
    return torch.zeros(side, side).scatter_add_(1, source, (weight / weight.sum()).repeat(side, 1))


def normalize(pixels: Tensor) -> Tensor:
    """From [0, 1] to CLIP's statistics."""
    mean, std = (torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (MEAN, STD))
    return (pixels - mean) / std
