"""The slow half: everything about one image that does not depend on the names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.methods.car.config import CarConfig, VisualPrompt
from lexiseg.methods.car.visual_prompts import surroundings
from lexiseg.models.clip import Clip, resize_to_multiple
from lexiseg.ops.affinity import symmetric_affinity
from lexiseg.ops.attention import AttentionMean
from lexiseg.ops.crf import CrfConfig, DenseCrf
from lexiseg.ops.last_block import LastBlock, Tail
from lexiseg.types import Mask

ImageArray = NDArray[np.uint8]


@dataclass
class Scene:
    """An encoded image; ask it about any number of vocabularies.

    Attributes:
        image: (H, W, 3) uint8 RGB as given; masks come back at this size.
        canvas: the image CaR works on; smaller than `image` only beyond `max_side`.
        grid_hw: rows and columns of patches.
        last_block: the CAM tower's last block on this image.
        affinity: (n, n) float32, symmetric.
        path: where the image came from.
        encode_ms: milliseconds that the encoding took.
        segments: class-agnostic segments of a promptable model, once they were needed.
    """

    image: ImageArray
    canvas: ImageArray
    grid_hw: tuple[int, int]
    last_block: LastBlock
    affinity: Tensor
    path: Path | None = None
    encode_ms: float = 0.0
    segments: list[Mask] | None = None
    _around: dict[frozenset[VisualPrompt], ImageArray] = field(default_factory=dict, repr=False)
    _fields: dict[CrfConfig, DenseCrf] = field(default_factory=dict, repr=False)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def canvas_hw(self) -> tuple[int, int]:
        """Height and width of the canvas in pixels."""
        return self.canvas.shape[0], self.canvas.shape[1]

    def surroundings(self, prompts: Collection[VisualPrompt]) -> ImageArray:
        """The canvas as it looks outside a mask under these prompts; made once."""
        key = frozenset(prompts)
        if key not in self._around:
            self._around[key] = surroundings(self.canvas, key)
        return self._around[key]

    def crf(self, config: CrfConfig) -> DenseCrf:
        """The dense CRF of the canvas; its lattices are built once."""
        if config not in self._fields:
            self._fields[config] = DenseCrf(self.canvas, config)
        return self._fields[config]

    @cached_property
    def global_embedding(self) -> Tensor:
        """(E,) float32 plain CLIP embedding of the whole image: the projected CLS token."""
        return self.last_block.project(self.last_block.tokens[0])


@torch.no_grad()
def encode_scene(image: ImageArray, clip: Clip, config: CarConfig) -> Scene:
    """Run the CAM tower once and prepare the affinity.

    Args:
        image: (H, W, 3) uint8 RGB.
        clip: the CAM tower.
        config: bound of the size, how it is rounded to patches, and the affinity's blocks.
    """
    tower = clip.visual
    canvas = shrink(image, config.max_side)
    patch = tower.config.patch_size
    pixels = fit_to_patches(canvas, patch, config.procedure.size_multiple or patch)
    grid = (pixels.shape[0] // patch, pixels.shape[1] // patch)
    tokens = tower.embed(clip.preprocessing.normalize(pixels).to(clip.device))
    last = len(tower.blocks) - 1
    record = AttentionMean()
    recorded = dict.fromkeys(range(max(0, last + 1 - config.attention_blocks), last), record)
    tokens = tower.run(tokens, stop=last, attention=recorded)
    last_block = LastBlock(Tail(tower.blocks[last], tower.ln_post, tower.proj), tokens[0])
    attention = last_block.attention
    if record.total is not None:
        attention = (record.total[0] + attention) / (record.blocks + 1)
    return Scene(image, canvas, grid, last_block, symmetric_affinity(attention[1:, 1:]))


def shrink(image: ImageArray, max_side: int) -> ImageArray:
    """Shrink an image (bicubic) so that no side exceeds `max_side`; smaller ones pass."""
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def fit_to_patches(image: ImageArray, patch: int, multiple: int) -> ImageArray:
    """Stretch to multiples of `multiple` pixels; what then fills no patch is cut off.

    Cutting equals what a strided convolution ignores; it happens only where the patch does not
    divide the multiple.
    """
    if min(image.shape[:2]) < patch:
        multiple = max(multiple, patch)
    stretched = resize_to_multiple(image, multiple)
    height, width = (side // patch * patch for side in stretched.shape[:2])
    return stretched[:height, :width]
