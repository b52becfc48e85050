"""Visual prompts: the image redrawn so that the classifier looks at one mask (section 3.3).

Blur, gray and black change what lies outside the mask; circle, rectangle and contour are red
lines one pixel wide around it. They are drawn in this order at full resolution.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from lexiseg.methods.car.config import VisualPrompt
from lexiseg.ops.contours import contour_pixels, fill_holes
from lexiseg.ops.drawing import ellipse_outline, rectangle_outline
from lexiseg.ops.filters import gaussian_blur, gray

ImageArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

BLUR_SIZE = 15  # pixels
RED = (255, 0, 0)


def surroundings(image: ImageArray, prompts: Collection[VisualPrompt]) -> ImageArray:
    """What the image looks like outside any mask; the same for all masks of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        prompts: any of the six; lines do not matter here.

    Returns:
        (H, W, 3) uint8.
    """
    around = image
    if "blur" in prompts:
        around = gaussian_blur(around, BLUR_SIZE)
    if "gray" in prompts:
        around = np.repeat(gray(around)[..., None], 3, axis=-1)
    if "black" in prompts:
        around = np.zeros_like(image)
    return around


def draw_prompts(
    image: ImageArray, around: ImageArray, mask: BoolArray, prompts: Collection[VisualPrompt]
) -> ImageArray:
    """Draw prompts for one mask.

    Args:
        image: (H, W, 3) uint8 RGB.
        around: its `surroundings` under the same prompts.
        mask: (H, W) bool; nothing is outlined if it is empty.
        prompts: which to draw.

    Returns:
        (H, W, 3) uint8.
    """
    prompted = np.where(mask[..., None], image, around)
    if mask.any():
        for outline in outlines(mask, prompts):
            prompted[outline] = RED
    return prompted


def outlines(mask: BoolArray, prompts: Collection[VisualPrompt]) -> list[BoolArray]:
    """Pixels (H, W) bool of the circle, rectangle and contour around a non-empty mask."""
    found = []
    (x, y), (width, height) = center_and_extent(mask)
    if "circle" in prompts:
        found.append(ellipse_outline(mask.shape, (x, y), (width // 2, height // 2)))
    if "rectangle" in prompts:
        start = (x - width // 2, y - height // 2)
        end = (x + width // 2, y + height // 2)
        found.append(rectangle_outline(mask.shape, start, end))
    if "contour" in prompts:
        found.append(contour_pixels(fill_holes(mask)))
    return found


def center_and_extent(mask: BoolArray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Center of mass (x, y) cut to integers, and width and height of the tight box."""
    per_row, per_column = mask.sum(axis=1), mask.sum(axis=0)
    rows, columns = np.flatnonzero(per_row), np.flatnonzero(per_column)
    area = int(per_row.sum())
    y = int(per_row @ np.arange(len(per_row)) / area)
    x = int(per_column @ np.arange(len(per_column)) / area)
    return (x, y), (int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1)
