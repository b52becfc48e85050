from __future__ import annotations

import numpy as np

from lexiseg.datasets.miniworld.parts import divide, spread


def _disc(color: tuple[int, int, int]) -> np.ndarray:
    y, x = np.mgrid[:64, :64]
    sprite = np.zeros((64, 64, 4), np.uint8)
    sprite[np.hypot(y - 32, x - 32) < 28] = (*color, 255)
    return sprite


def test_two_colors_become_two_parts() -> None:
    sprite = _disc((220, 30, 30))
    right = (np.arange(64)[None] >= 32) & (sprite[..., 3] > 0)
    sprite[right, :3] = (30, 30, 220)
    parts = divide(sprite)
    assert parts.max() == 2
    assert np.array_equal(parts > 0, sprite[..., 3] > 0)
    majority = np.bincount(parts[right], minlength=3).argmax()
    assert (parts[right] == majority).mean() > 0.9


def test_one_color_is_halved() -> None:
    parts = divide(_disc((10, 200, 60)))
    areas = np.bincount(parts.ravel())[1:]
    assert len(areas) == 2 and areas.min() > 0.4 * areas.sum()


def test_spread_keeps_parts_and_fills_the_rest_from_the_nearest() -> None:
    parts = np.zeros((5, 7), np.uint8)
    parts[2, 1], parts[2, 5] = 1, 2
    full = spread(parts)
    assert full[2, 1] == 1 and full[2, 5] == 2
    assert (full[:, :3] == 1).all() and (full[:, 4:] == 2).all()
