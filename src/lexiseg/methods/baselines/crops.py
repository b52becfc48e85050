"""What CLIP is shown of a mask."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.types import Mask

ImageArray = NDArray[np.uint8]
Region = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def square_region(mask: Mask, margin: float) -> Region:
    """The square around a mask's box, as far as it lies in the image.

    Args:
        mask: not empty.
        margin: added on every side, as a share of the longer side of the box.

    Example:
        >>> mask = Mask.from_array(np.pad(np.ones((2, 4), bool), ((3, 5), (0, 6))))
        >>> square_region(mask, 0.0)
        (0.0, 2.0, 4.0, 6.0)
    """
    x, y, width, height = mask.bbox
    half = max(width, height) * (0.5 + margin)
    column, row = x + width / 2, y + height / 2
    rows, columns = mask.size_hw
    left, right = max(column - half, 0.0), min(column + half, float(columns))
    top, bottom = max(row - half, 0.0), min(row + half, float(rows))
    return left, top, right, bottom


def crop_square(
    image: ImageArray,
    mask: Mask,
    size: int,
    kind: Literal["box", "mask"],
    margin: float,
    fill: tuple[float, float, float],
) -> ImageArray:
    """The surroundings of a mask at the size CLIP wants (bicubic).

    At the border of the image the region is no square and is stretched to one.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: not empty.
        size: pixels per side.
        kind: "box": the picture as it is; "mask": `fill` outside the mask.
        margin: see `square_region`.
        fill: color on the scale 0..1.

    Returns:
        (size, size, 3) uint8.
    """
    region = square_region(mask, margin)
    shown = image
    if kind == "mask":
        color = np.rint(255 * np.asarray(fill)).astype(np.uint8)
        shown = np.where(mask.to_array()[..., None], image, color)
    picture = Image.fromarray(shown)
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=region))
