"""From 8-bit pictures to the pixels CLIP was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.errors import CheckpointError, UsageError

Image8 = NDArray[np.uint8]
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
# A very long strip would grow to gigabytes before its center is cut out.
WHOLE_RESIZE_PIXELS = 1 << 24


def resize_to_multiple(image: Image8, multiple: int = 16) -> Image8:
    """Stretch an image so that both sides become the next multiple (bicubic).

    Args:
        image: (H, W, 3) uint8 RGB.
        multiple: pixels; CLIP as RNN uses 16 whatever the patch size.

    Returns:
        (ceil(H / multiple) * multiple, ceil(W / multiple) * multiple, 3) uint8.

    Example:
        >>> resize_to_multiple(np.zeros((375, 500, 3), np.uint8)).shape
        (384, 512, 3)
    """
    _check_image(image)
    height, width = (-(-side // multiple) * multiple for side in image.shape[:2])
    return _resize(image, (width, height))


def center_square(image: Image8, size: int = 224) -> Image8:
    """Resize the shorter side to `size` (bicubic) and cut out the central square.

    The longer side becomes int(size * long / short) and the cut starts at round(excess / 2), as in
    OpenAI's transform.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: pixels.

    Returns:
        (size, size, 3) uint8.
    """
    _check_image(image)
    height, width = image.shape[:2]
    short = min(height, width)
    new_height, new_width = int(size * height / short), int(size * width / short)
    top, left = round((new_height - size) / 2), round((new_width - size) / 2)
    if new_height * new_width <= WHOLE_RESIZE_PIXELS:
        whole = _resize(image, (new_width, new_height))
        return whole[top : top + size, left : left + size]
    down, across = height / new_height, width / new_width
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    return _resize(image, (size, size), box)


def _resize(
    image: Image8, size_wh: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image8:
    return np.asarray(Image.fromarray(image).resize(size_wh, Image.Resampling.BICUBIC, box=box))


def _check_image(image: Image8) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(
            f"An image must be a non-empty (H, W, 3) uint8 RGB array, not {image.dtype} of shape "
            f"{image.shape}."
        )


@dataclass(frozen=True)
class Preprocessing:
    """Size and color statistics that a checkpoint expects."""

    size: int = 224  # pixels per side of the classifier's square
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD

    @classmethod
    def from_huggingface(cls, config: Mapping[str, object], size: int) -> Preprocessing:
        """Read mean and std from a preprocessor_config.json; `size` is the network's.

        Raises:
            CheckpointError: they are not three numbers each.
        """
        stated = config.get("image_mean", MEAN), config.get("image_std", STD)
        mean, std = cast(tuple[Sequence[float], Sequence[float]], stated)
        try:
            (red, green, blue), (red_std, green_std, blue_std) = mean, std
            return cls(
                size,
                (float(red), float(green), float(blue)),
                (float(red_std), float(green_std), float(blue_std)),
            )
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"image_mean and image_std must be three numbers each, not {mean} and {std}."
            ) from error

    def to_huggingface(self) -> dict[str, object]:
        """The content of preprocessor_config.json."""
        return {
            "image_processor_type": "CLIPImageProcessor",
            "size": {"shortest_edge": self.size},
            "crop_size": {"height": self.size, "width": self.size},
            "resample": int(Image.Resampling.BICUBIC),
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }

    def normalize(self, images: Image8 | Sequence[Image8]) -> Tensor:
        """Scale to [0, 1], subtract the mean, divide by the deviation.

        Args:
            images: one (H, W, 3) uint8 RGB image or several of one size.

        Returns:
            (B, 3, H, W) float32 on the CPU.
        """
        batch = torch.tensor(images if isinstance(images, np.ndarray) else np.stack(images))
        batch = batch[None] if batch.ndim == 3 else batch
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
        pixels = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        return pixels.div_(255).sub_(mean).div_(std)

    def squares(self, images: Sequence[Image8]) -> Tensor:
        """Central squares (B, 3, size, size) of images of any sizes, normalized."""
        return self.normalize([center_square(image, self.size) for image in images])
