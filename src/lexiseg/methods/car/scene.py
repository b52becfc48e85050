"""The slow half: everything about one image that does not depend on the names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.methods.base import BaseScene
from lexiseg.methods.car.config import CarConfig, VisualPrompt
from lexiseg.methods.car.visual_prompts import surroundings
from lexiseg.models.clip import Clip, resize_to_multiple
from lexiseg.ops.affinity import symmetric_affinity
from lexiseg.ops.attention import AttentionMean
from lexiseg.ops.crf import CrfConfig, DenseCrf
from lexiseg.ops.equal_shapes import together
from lexiseg.ops.last_block import LastBlock, Tail
from lexiseg.types import DenseFeatures, Mask, MaskProposer

ImageArray = NDArray[np.uint8]
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Remembered(Generic[KeyT, ValueT]):
    """Values by key, each made once, however many threads ask for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[KeyT, ValueT] = {}

    def __call__(self, key: KeyT, make: Callable[[], ValueT]) -> ValueT:
        """The value of a key, made if it is not known yet."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            return self._values[key]


@dataclass(frozen=True, eq=False)
class Scene(BaseScene):
    """An encoded image; ask it about any number of vocabularies.

    Attributes:
        canvas: the image CaR works on; smaller than `image` only beyond `max_side`.
        grid_hw: rows and columns of patches.
        last_block: the CAM tower's last block on this image.
        affinity: (n, n) float32, symmetric.
    """

    canvas: ImageArray
    grid_hw: tuple[int, int]
    last_block: LastBlock
    affinity: Tensor
    _around: Remembered[frozenset[VisualPrompt], ImageArray] = field(
        default_factory=Remembered, repr=False
    )
    _fields: Remembered[CrfConfig, DenseCrf] = field(default_factory=Remembered, repr=False)
    _features: Remembered[str, DenseFeatures] = field(default_factory=Remembered, repr=False)
    _segments: Remembered[MaskProposer, list[Mask]] = field(default_factory=Remembered, repr=False)

    @property
    def canvas_hw(self) -> tuple[int, int]:
        """Height and width of the canvas in pixels."""
        return self.canvas.shape[0], self.canvas.shape[1]

    def surroundings(self, prompts: Collection[VisualPrompt]) -> ImageArray:
        """The canvas as it looks outside a mask under these prompts; made once."""
        key = frozenset(prompts)
        return self._around(key, lambda: surroundings(self.canvas, key))

    def crf(self, config: CrfConfig) -> DenseCrf:
        """The dense CRF of the canvas; its lattices are built once."""
        return self._fields(config, lambda: DenseCrf(self.canvas, config))

    def features(self, scorer: str, encode: Callable[[], DenseFeatures]) -> DenseFeatures:
        """What a dense scorer sees of the canvas; it is encoded once."""
        return self._features(scorer, encode)

    def segments(self, proposer: MaskProposer) -> list[Mask]:
        """Class-agnostic segments of the image; the proposer is asked once."""
        return self._segments(proposer, lambda: proposer.propose_masks(self.image))

    @cached_property
    def global_embedding(self) -> Tensor:
        """(E,) float32 plain CLIP embedding of the whole image: the projected CLS token."""
        return self.last_block.project(self.last_block.tokens[0])


def encode_scene(image: ImageArray, clip: Clip, config: CarConfig) -> Scene:
    """Run the CAM tower once and prepare the affinity.

    Args:
        image: (H, W, 3) uint8 RGB.
        clip: the CAM tower.
        config: bound of the size, how it is rounded to patches, and the affinity's blocks.
    """
    return encode_scenes([image], clip, config)[0]


@torch.no_grad()
def encode_scenes(images: Sequence[ImageArray], clip: Clip, config: CarConfig) -> list[Scene]:
    """The same of several images; the tower sees those of equal size together."""
    patch = clip.visual.config.patch_size
    canvases = [shrink(image, config.max_side) for image in images]
    multiple = config.procedure.size_multiple or patch
    fitted = [fit_to_patches(canvas, patch, multiple) for canvas in canvases]
    pixels = [clip.preprocessing.normalize(one).to(clip.device) for one in fitted]
    looks = together(lambda batch: _look(batch, clip, config), pixels)
    grids = [(one.shape[0] // patch, one.shape[1] // patch) for one in fitted]
    scenes = zip(images, canvases, grids, looks, strict=True)
    return [Scene(image, canvas, grid, *look) for image, canvas, grid, look in scenes]


def _look(pixels: Tensor, clip: Clip, config: CarConfig) -> list[tuple[LastBlock, Tensor]]:
    """Last block and affinity of each picture of (B, 3, H, W)."""
    tower = clip.visual
    last = len(tower.blocks) - 1
    record = AttentionMean()
    recorded = dict.fromkeys(range(max(0, last + 1 - config.attention_blocks), last), record)
    tokens = tower.embed(pixels, config.procedure.positions)
    tokens = tower.run(tokens, stop=last, attention=recorded)
    tail = Tail(tower.blocks[last], tower.ln_post, tower.proj)
    looks = []
    for number, own in enumerate(tokens):
        last_block = LastBlock(tail, own)
        attention = last_block.attention
        if record.total is not None:
            attention = (record.total[number] + attention) / (record.blocks + 1)
        looks.append((last_block, symmetric_affinity(attention[1:, 1:])))
    return looks


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
