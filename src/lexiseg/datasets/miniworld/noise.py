"""Periodic noise fields, the raw material of all stuff textures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TILE = 384  # side of a texture tile in pixels

Field = NDArray[np.float64]
Rng = np.random.Generator


def cloud(rng: Rng, slope: float, stretch: float = 1.0, coarse: float = 0.0) -> Field:
    """Periodic noise of spectrum 1/f^slope, scaled to the range 0..1.

    Args:
        rng: source of randomness.
        slope: 0 = white noise, 1 = rough, 2 = smooth hills.
        stretch: > 1 draws the pattern out along x, < 1 along y.
        coarse: cycles per tile below which the spectrum is flat, so no blob exceeds TILE/coarse.

    Returns:
        (TILE, TILE) float64.
    """
    fy = np.fft.fftfreq(TILE)[:, None] * TILE / np.sqrt(stretch)
    fx = np.fft.rfftfreq(TILE)[None] * TILE * np.sqrt(stretch)
    radius = np.maximum(np.hypot(fy, fx), max(coarse, 1.0))
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / radius**slope
    spectrum[0, 0] = 0.0
    field: Field = np.fft.irfft2(spectrum, s=(TILE, TILE))
    level: Field = np.clip(0.5 + field / (5.0 * field.std()), 0.0, 1.0)
    return level


def cells(rng: Rng, count: int, jitter: float = 1.0) -> tuple[Field, Field, NDArray[np.int64]]:
    """Periodic Worley cells: distance to the nearest point, to the border, and the cell number.

    Args:
        rng: source of randomness.
        count: points per row and column of the jittered grid.
        jitter: 0 = square grid, 1 = irregular.

    Returns:
        Three (TILE, TILE) arrays; distances in units of the grid spacing.
    """
    offset = 0.5 + jitter * (rng.random((count, count, 2)) - 0.5)
    axis = (np.arange(TILE) + 0.5) * count / TILE
    y, x = np.meshgrid(axis, axis, indexing="ij")
    row, column = y.astype(int), x.astype(int)
    first = np.full((TILE, TILE), np.inf)
    second = first.copy()
    owner = np.zeros((TILE, TILE), np.int64)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            r, c = (row + dy) % count, (column + dx) % count
            distance = np.hypot(row + dy + offset[r, c, 0] - y, column + dx + offset[r, c, 1] - x)
            nearer = distance < first
            second = np.where(nearer, first, np.minimum(second, distance))
            owner = np.where(nearer, r * count + c, owner)
            first = np.minimum(first, distance)
    return first, second - first, owner


def grid() -> tuple[Field, Field]:
    """Row and column coordinate of each tile pixel, both in 0..1."""
    axis = (np.arange(TILE) + 0.5) / TILE
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x


def ramp(value: Field, colors: list[str]) -> Field:
    """Map values in 0..1 to evenly spaced colors, (..., 3) float in 0..255."""
    stops = np.linspace(0.0, 1.0, len(colors))
    table = np.array([rgb(color) for color in colors])
    return np.stack([np.interp(value, stops, table[:, k]) for k in range(3)], axis=-1)


def rgb(color: str) -> tuple[int, int, int]:
    """``"#rrggbb"`` as three numbers."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def blend(below: Field, above: Field, weight: Field) -> Field:
    """Mix two color fields by a weight field in 0..1."""
    return below + (above - below) * np.clip(weight, 0.0, 1.0)[..., None]
