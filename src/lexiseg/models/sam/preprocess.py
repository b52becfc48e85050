"""From 8-bit pictures to the square frame a segmenter was trained on."""

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
from lexiseg.types import Frame

Image8 = NDArray[np.uint8]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a family brings an image into its frame.

    Pillow resizes for every family, with antialiasing where it shrinks. (SAM 2's own program
    resizes with torchvision, which differs by rounding to whole gray levels.)

    Args:
        size: side in pixels of the square that the encoder sees.
        keep_aspect: resize the longer side and pad at the right and bottom with zeros after
            normalization (SAM), or stretch to the square (SAM 2).
        mean: of each color channel on the scale 0..1.
        std: of each color channel.
        resample: Pillow's filter.
        prompt_size: side of the frame that prompts and masks refer to; None for `size`.
            (EfficientViT-SAM's small networks see 512 pixels but are prompted in 1024.)
        antialias: False interpolates bilinearly between the nearest pixels even where it shrinks,
            rounded to whole gray levels, as programs do that resize 8-bit tensors with torch.
    """

    size: int = 1024
    keep_aspect: bool = True
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resample: Image.Resampling = Image.Resampling.BILINEAR
    prompt_size: int | None = None
    antialias: bool = True

    @classmethod
    def from_huggingface(
        cls,
        settings: Mapping[str, object],
        default: Preprocessing,
        origin: str = "preprocessor_config.json",
    ) -> Preprocessing:
        """Read a preprocessor_config.json; what it leaves out is taken from `default`.

        Args:
            settings: content of the file.
            default: what holds where it is silent, and the network's size.
            origin: what to call the file in messages.

        Raises:
            CheckpointError: it asks for another size than the network's, or makes no sense.
        """
        own_size = {"longest_edge" if default.keep_aspect else "height": default.size}
        stated = cast(Mapping[str, int], settings.get("size") or own_size)
        try:
            keep_aspect = "longest_edge" in stated
            sides = {stated["longest_edge"]} if keep_aspect else set(stated.values())
            if sides != {default.size}:
                raise CheckpointError(
                    f"{origin} asks for size {stated} but the network is built "
                    f"for {default.size} pixels; use the file that belongs to the weights."
                )
            colors = (
                settings.get("image_mean") or default.mean,
                settings.get("image_std") or default.std,
            )
            mean, std = (tuple(map(float, cast(Sequence[float], given))) for given in colors)
            stated_filter = cast(int | None, settings.get("resample"))
            resample = (
                default.resample if stated_filter is None else Image.Resampling(stated_filter)
            )
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise CheckpointError(f"{origin} is malformed ({error}).") from error
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise CheckpointError(
                f"image_mean and image_std in {origin} must be three numbers each, std positive, "
                f"not {mean} and {std}."
            )
        return cls(default.size, keep_aspect, mean, std, resample, default.prompt_size)

    def frame(self, image_hw: tuple[int, int]) -> Frame:
        """The geometry of prompts and masks for an image of a size."""
        side = self.prompt_size or self.size
        return Frame(image_hw, self._content(image_hw, side), (side, side))

    def _content(self, image_hw: tuple[int, int], side: int) -> tuple[int, int]:
        if not self.keep_aspect:
            return (side, side)
        scale = side / max(image_hw)
        height, width = (max(int(length * scale + 0.5), 1) for length in image_hw)
        return (height, width)

    def __call__(self, image: Image8) -> Tensor:
        """Resize, normalize and pad.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (1, 3, size, size) float32 on the CPU.

        Raises:
            UsageError: not such an image.
        """
        _check_image(image)
        height, width = self._content((image.shape[0], image.shape[1]), self.size)
        pixels = self._resized(image, height, width).permute(2, 0, 1).float().div_(255)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        padding = (0, self.size - width, 0, self.size - height)
        return torch.nn.functional.pad(pixels.sub_(mean).div_(std), padding)[None]

    def _resized(self, image: Image8, height: int, width: int) -> Tensor:
        """(height, width, 3) uint8."""
        if self.antialias:
            small = Image.fromarray(image).resize((width, height), self.resample)
            return torch.from_numpy(np.array(small))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        near = torch.nn.functional.interpolate(pixels, (height, width), mode="bilinear")
        return near[0].permute(1, 2, 0)


def _check_image(image: Image8) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(
            f"An image must be a non-empty (H, W, 3) uint8 RGB array, not {image.dtype} of shape "
            f"{image.shape}."
        )
