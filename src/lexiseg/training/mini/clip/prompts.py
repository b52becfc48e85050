"""Visual prompts for the classifier's training pictures, drawn where the proposal tower looks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.clip import ClipNetwork
from lexiseg.training.mini.augment import LUMA, blur
from lexiseg.training.mini.clip.towers import read

BLUR_SIGMA = 2.6 / 224  # of the 15 x 15 Gaussian of CaR, relative to the picture's side
LINE = 1.0 / 224  # thickness of the circle


@dataclass(frozen=True)
class PromptOdds:
    """How often each kind of prompt is used; they combine freely."""

    blur: float = 0.75
    grey: float = 0.35
    black: float = 0.05
    circle: float = 0.6


@torch.no_grad()
def find_regions(
    network: ClipNetwork, pixels: Tensor, names: Tensor, generator: torch.Generator
) -> Tensor:
    """Where a trained proposal tower sees one name per picture; no mask is ever consulted.

    Args:
        network: the proposal pair.
        pixels: (B, 3, s, s) normalised.
        names: (B, E) the proposal pair's text feature of the name sought in each picture.
        generator: draws how generously each region is cut.

    Returns:
        (B, 1, s, s) float32, 1 inside.
    """
    value = F.normalize(read(network.visual, pixels).value, dim=-1)
    heat = (value @ F.normalize(names, dim=-1)[:, :, None])[..., 0]
    low, high = heat.amin(1, keepdim=True), heat.amax(1, keepdim=True)
    side = pixels.shape[-1] // network.visual.config.patch_size
    relative = ((heat - low) / (high - low + 1e-6)).view(-1, 1, side, side)
    wide = F.interpolate(relative, pixels.shape[-2:], mode="bilinear")
    cut = torch.empty(len(pixels), 1, 1, 1).uniform_(0.4, 0.75, generator=generator)
    return (wide > cut.to(pixels.device)).float()


def spotlight(
    pixels: Tensor, regions: Tensor, generator: torch.Generator, odds: PromptOdds = PromptOdds()
) -> Tensor:
    """Blur, grey or blacken what lies outside the regions and circle them in red.

    Args:
        pixels: (B, 3, s, s) in [0, 1].
        regions: (B, 1, s, s), 1 inside.
        generator: draws the kinds of prompt.
        odds: their frequencies.
    """
    size = pixels.shape[-1]
    draw = torch.rand(4, len(pixels), 1, 1, 1, generator=generator).to(pixels.device)
    outside = torch.where(draw[0] < odds.blur, blur(pixels, BLUR_SIGMA * size), pixels)
    luma = torch.tensor(LUMA, device=pixels.device).view(1, 3, 1, 1)
    grey = (outside * luma).sum(1, keepdim=True)
    outside = torch.where(draw[1] < odds.grey, grey, outside)
    outside = torch.where(draw[2] < odds.black, torch.zeros_like(outside), outside)
    lit = regions * pixels + (1 - regions) * outside
    line = ring(regions, LINE * size) * (draw[3] < odds.circle)
    red = torch.tensor((1.0, 0.0, 0.0), device=pixels.device).view(1, 3, 1, 1)
    return torch.lerp(lit, red.expand_as(lit), line)


def ring(regions: Tensor, thickness: float) -> Tensor:
    """Opacity (B, 1, s, s) of an ellipse about each region's centre of mass, as wide as its box."""
    size = regions.shape[-1]
    place = torch.arange(size, dtype=torch.float32, device=regions.device)
    center, half = [], []
    for axis in (2, 3):  # collapse rows, then columns
        profile = regions.sum(axis).squeeze(1)
        center.append((profile * place).sum(1) / profile.sum(1).clamp(min=1))
        half.append(((profile > 0).sum(1) / 2).clamp(min=1))
    x = (place - center[0][:, None]) / half[0][:, None]
    y = (place - center[1][:, None]) / half[1][:, None]
    radius = (x[:, None, :] ** 2 + y[:, :, None] ** 2).sqrt()
    distance = (radius - 1).abs() * torch.minimum(*half)[:, None, None]
    return (thickness / 2 + 0.5 - distance).clamp(0, min(1.0, thickness))[:, None]
