"""From a picture to the pixels that FC-CLIP sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.config import check_ranges
from lexiseg.models.clip import Preprocessing
from lexiseg.types import Frame

MULTIPLE = 32  # both sides are padded to a multiple of it


@dataclass(frozen=True)
class InputSize:
    """How large a picture is looked at.

    Attributes:
        short: pixels of the shorter side ...
        longest: ... unless the longer side would exceed this.
    """

    short: int = 800
    longest: int = 1333

    def __post_init__(self) -> None:
        """Check the sides.

        Raises:
            UsageError: one is out of its range.
        """
        check_ranges(self, ("short", MULTIPLE, 8192), ("longest", MULTIPLE, 16_384))

    def fit(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width that a picture is resized to, by detectron2's rule.

        Example:
            >>> InputSize().fit((427, 640))
            (800, 1199)
        """
        scale = self.short / min(size_hw)
        height, width = (scale * side for side in size_hw)
        if max(height, width) > self.longest:
            scale = self.longest / max(height, width)
            height, width = height * scale, width * scale
        return max(1, int(height + 0.5)), max(1, int(width + 0.5))


def prepare(
    image: NDArray[np.uint8], size: InputSize, colors: Preprocessing
) -> tuple[Tensor, Frame]:
    """Resize (bilinear, Pillow), normalize, and pad with zeros to the right and at the bottom.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: how large it is looked at.
        colors: means and deviations.

    Returns:
        (1, 3, h, w) float32 with sides that are multiples of 32, and where the picture lies in it.
    """
    height, width = size.fit((image.shape[0], image.shape[1]))
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    pixels = colors.normalize(np.asarray(small))
    bottom, right = -height % MULTIPLE, -width % MULTIPLE
    frame = Frame(
        (image.shape[0], image.shape[1]), (height, width), (height + bottom, width + right)
    )
    return F.pad(pixels, (0, right, 0, bottom)), frame
