"""Pictures as BEiT-3 wants them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def prepare_picture(
    image: NDArray[np.uint8], size: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Squash a picture to the native square and bring it to [-1, 1].

    As OpenWorldSAM's released code does: bicubic without antialiasing, so that large pictures
    alias, and without a bound, so that values may leave the range.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: side of the square in pixels.
        device: where to compute.

    Returns:
        (1, 3, size, size) float32.
    """
    pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None].float() / 255
    resized = F.interpolate(pixels, (size, size), mode="bicubic", align_corners=False)
    return (resized - 0.5) / 0.5
