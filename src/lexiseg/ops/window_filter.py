"""A Gaussian filter over position and color that visits every pair of pixels within reach.

What the permutohedral lattice approximates, but for a tail below 2e-8. Its cost grows with the
square of the spatial deviation: meant for few pixels of deviation, or for a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp

from torch import Tensor

REACH = 6.0  # standard deviations

Slices = tuple[slice, slice]


class WindowFilter:
    """A filter built for one picture, which filters any number of value channels.

    Args:
        size_hw: height and width in pixels.
        sigma: spatial standard deviation in pixels.
        colors: (3, H, W) float in standard deviations of the color; None for position alone.

    Example:
        >>> import torch
        >>> WindowFilter((3, 3), 1.0).filter(torch.ones(2, 9)).shape
        torch.Size([2, 9])
    """

    def __init__(
        self, size_hw: tuple[int, int], sigma: float, colors: Tensor | None = None
    ) -> None:
        self.size_hw = size_hw
        self.sigma = sigma
        self.colors = colors
        self._before: Tensor | float = 1.0
        self._after: Tensor | float = 1.0

    def filter(self, values: Tensor) -> Tensor:
        """Filter every channel.

        Args:
            values: (C, N) float.

        Returns:
            (C, N), each value the Gaussian-weighted sum over all points (self included).
        """
        image = (values * self._before).view(-1, *self.size_hw)
        total = image.clone()
        for near, here, there in self._pairs():
            weight = self._color_weight(here, there) * near
            total[:, *here] += image[:, *there] * weight
            total[:, *there] += image[:, *here] * weight
        return total.flatten(1) * self._after

    def scale(self, factor: Tensor, weight: float = 1.0) -> None:
        """Turn the filter ``K`` into ``weight * diag(factor) K diag(factor)``, in place.

        Args:
            factor: (N,), applied to the points before and after filtering.
            weight: applied to the result.
        """
        self._before = self._before * factor
        self._after = self._after * factor * weight

    def _color_weight(self, here: Slices, there: Slices) -> Tensor | float:
        if self.colors is None:
            return 1.0
        gap = self.colors[:, *here] - self.colors[:, *there]
        return gap.square().sum(dim=0).mul(-0.5).exp()

    def _pairs(self) -> Iterator[tuple[float, Slices, Slices]]:
        """Each step between two pixels once: its spatial weight, and the pixels at both ends."""
        height, width = self.size_hw
        reach = int(REACH * self.sigma)
        for down in range(min(reach, height - 1) + 1):
            for right in range(-min(reach, width - 1), min(reach, width - 1) + 1):
                squared = (down**2 + right**2) / self.sigma**2
                if squared <= REACH**2 and (down, right) > (0, 0):
                    rows = slice(0, height - down), slice(down, height)
                    columns = slice(max(0, -right), width - max(0, right))
                    shifted = slice(max(0, right), width - max(0, -right))
                    near = exp(-squared / 2)
                    yield near, (rows[0], columns), (rows[1], shifted)
