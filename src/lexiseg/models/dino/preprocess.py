"""The size at which DINO sees a picture, and its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.errors import CheckpointError, UsageError

Image8 = NDArray[np.uint8]
MEAN = (0.485, 0.456, 0.406)  # of ImageNet
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Sampling:
    """How finely a picture is looked at.

    Attributes:
        size_hw: the resized picture.
        stride: pixels from patch to patch.
    """

    size_hw: tuple[int, int]
    stride: int


def choose_sampling(
    image_hw: tuple[int, int], short_side: int, patch: int, stride: int, max_tokens: int
) -> Sampling:
    """Scale the shorter side to `short_side`, within bounds.

    The aspect is kept and the longer side rounded down. A picture with more than `max_tokens`
    patches gets the next larger divisor of the patch as stride. One that is too long even for
    patches side by side is shrunk, and where its shorter side would fall below one patch, so is
    the longer one alone.

    Args:
        image_hw: the picture's own size.
        short_side: pixels.
        patch: side of a patch in pixels.
        stride: the finest.
        max_tokens: patches at most.

    Raises:
        UsageError: the stride does not divide the patch.

    Example:
        >>> choose_sampling((480, 640), 224, 8, 2, 25_000)
        Sampling(size_hw=(224, 298), stride=2)
        >>> choose_sampling((200, 4096), 224, 8, 2, 25_000)
        Sampling(size_hw=(224, 4587), stride=8)
    """
    strides = [step for step in range(1, patch + 1) if patch % step == 0]
    if stride not in strides:
        raise UsageError(
            f"A stride of {stride} does not divide the patch of {patch} pixels; choose one of "
            f"{', '.join(map(str, strides))}."
        )
    short = min(image_hw)
    target = max(short_side, patch)
    height, width = (target * side // short for side in image_hw)
    for step in strides[strides.index(stride) :]:
        if _patches(height, patch, step) * _patches(width, patch, step) <= max_tokens:
            return Sampling((height, width), step)
    scale = patch * sqrt(max_tokens / (height * width))
    longest = patch * max_tokens
    height, width = (min(longest, max(patch, int(side * scale))) for side in (height, width))
    return Sampling((height, width), patch)


def _patches(side: int, patch: int, stride: int) -> int:
    return 1 + (side - patch) // stride


def resize(image: Image8, size_hw: tuple[int, int]) -> Image8:
    """Bring (H, W, 3) uint8 to a size (Lanczos)."""
    if image.shape[:2] == size_hw:
        return image
    size = (size_hw[1], size_hw[0])
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of the colors that a network was trained on, in [0, 1]."""

    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD

    @classmethod
    def from_huggingface(cls, settings: Mapping[str, object]) -> Statistics:
        """Read a preprocessor_config.json; what it leaves out is ImageNet's.

        Raises:
            CheckpointError: the values are no triples of numbers.
        """
        try:
            mean, std = (
                tuple(float(value) for value in cast(Sequence[float], settings.get(key) or default))
                for key, default in (("image_mean", MEAN), ("image_std", STD))
            )
            return cls((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
        except (TypeError, ValueError, IndexError) as error:
            raise CheckpointError(
                f"The preprocessor config has no usable mean and deviation ({error})."
            ) from error

    def normalize(self, image: Image8, device: torch.device) -> Tensor:
        """Pixels (1, 3, H, W) float32 of (H, W, 3) uint8."""
        pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None].float() / 255
        mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (self.mean, self.std))
        return (pixels - mean) / std
