"""Multi-crop: random windows of a batch of pictures, and where the windows overlap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.training.mini.augment import recolor

STRETCH = 0.15  # largest logarithm of sqrt(width / height)
JITTER = 0.6  # strength of the change of colors


@dataclass(frozen=True)
class View:
    """One window per picture, resampled to a square.

    Coordinates run from -1 to 1 across a picture and across a window, x first. A window's place
    (B, 2) and reach (B, 2) map its coordinates to the picture's: place + reach * x. A mirrored
    window has a negative reach in x.
    """

    pixels: Tensor  # (B, 3, s, s) in [0, 1]
    place: Tensor
    reach: Tensor

    def locate(self, other: View, grid: int) -> Tensor:
        """Where the centres of this view's grid x grid patches lie in another view.

        Returns:
            (B, grid, grid, 2), in the other window's coordinates; outside of [-1, 1] if it does
            not show them.
        """
        here = centres(grid).to(self.pixels.device)
        place, reach = self.place[:, None, None], self.reach[:, None, None]
        there, scale = other.place[:, None, None], other.reach[:, None, None]
        return (place + reach * here - there) / scale


def centres(grid: int) -> Tensor:
    """Coordinates (grid, grid, 2) of patch centres, x first."""
    line = (torch.arange(grid) + 0.5) * 2 / grid - 1
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)


def draw_view(
    pictures: Tensor, size: int, area: tuple[float, float], generator: torch.Generator
) -> View:
    """Cut a window of random area, place and shape from each picture; mirror half, recolor all.

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        size: pixels per side of the views.
        area: smallest and largest share of the picture.
        generator: of all random choices, on the CPU.
    """
    count = len(pictures)
    share = torch.empty(count, 1).uniform_(*area, generator=generator).sqrt()
    stretch = torch.empty(count, 1).uniform_(-STRETCH, STRETCH, generator=generator).exp()
    reach = torch.cat([share * stretch, share / stretch], dim=1).clamp(max=1)
    place = (1 - reach) * torch.empty(count, 2).uniform_(-1, 1, generator=generator)
    sign = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
    reach = reach * torch.stack([sign, torch.ones(count)], dim=1)
    zero = torch.zeros(count)
    rows = [reach[:, 0], zero, place[:, 0], zero, reach[:, 1], place[:, 1]]
    matrix = torch.stack(rows, dim=1).view(count, 2, 3).to(pictures.device)
    where = F.affine_grid(matrix, [count, 3, size, size], align_corners=False)
    cut = F.grid_sample(pictures, where, padding_mode="border", align_corners=False)
    pixels = recolor(cut, generator, JITTER)
    return View(pixels, place.to(pictures.device), reach.to(pictures.device))


def carry(values: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Read a map of one view at places of another.

    Args:
        values: (B, g, g, K).
        where: (B, n, m, 2) as `View.locate` returns it.

    Returns:
        (B, n, m, K) bilinear readings, and (B, n, m) bool, whether the place is within the view.
    """
    read = F.grid_sample(
        values.permute(0, 3, 1, 2), where, padding_mode="border", align_corners=False
    )
    return read.permute(0, 2, 3, 1), (where.abs() <= 1).all(dim=-1)
