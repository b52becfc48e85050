"""From segments to CLIP embeddings (section 3.2).

The blocks before the first masked one run once per image, and their output is kept, so that a
union of segments costs the masked blocks only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.models.clip import Clip
from lexiseg.models.clip.transformer import Block
from lexiseg.models.clip.vision import VisionTower
from lexiseg.ops.masked_attention import GlobalSubtraction, subtraction_weight

ImageArray = NDArray[np.uint8]
CHUNK_ELEMENTS = 2**26  # of the widest activation of all segments of a chunk, 256 MB in float32
MASK_CHUNK = 64  # masks that are at picture size at once


class SegmentEmbedder(Protocol):
    """Embeds unions of an image's segments."""

    def embed(self, unions: Sequence[Sequence[int]]) -> Tensor:
        """CLIP embeddings (K, E) float32, not normalized, of K sets of labels."""
        ...


class MaskedEmbedder:
    """Segments seen through masked attention inside CLIP.

    Args:
        clip: whose image tower sees the picture, squashed or padded to its native square.
        image: (H, W, 3) uint8 RGB.
        segments: labels on the picture; unions are sums of their masks.
        config: which blocks are masked, and the subtraction.

    Raises:
        UsageError: more blocks are to be masked than the tower has.
    """

    def __init__(
        self, clip: Clip, image: ImageArray, segments: Segments, config: ZeroGuidanceConfig
    ) -> None:
        tower = clip.visual
        side, grid = tower.config.image_size, tower.config.grid
        if config.square == "pad":
            picture = pad_square(image, side, clip.preprocessing.mean)
            segments = pad_segments(segments, image.shape[:2], side)
        else:
            picture = squash(image, side)
        pixels = clip.preprocessing.normalize(picture).to(clip.device)
        self._reader = MaskedReader(tower, pixels, config)
        self._areas = area_masks(segments, grid).to(clip.device)

    def embed(self, unions: Sequence[Sequence[int]]) -> Tensor:
        """CLIP embeddings (K, E) float32, not normalized, of K sets of labels."""
        areas = [self._areas[list(union)].sum(dim=0) for union in unions]
        if not areas:
            return self._areas.new_zeros(0, self._reader.tower.config.embed_dim)
        return self._reader.read(torch.stack(areas))

    def subtraction(self, unions: Sequence[Sequence[int]]) -> Tensor:
        """Weights (K, masked blocks) of the global attention that is taken from each union."""
        areas = [self._areas[list(union)].sum(dim=0) for union in unions]
        return self._reader.subtraction(torch.stack(areas))


class MaskedReader:
    """One picture's way through the tower up to the first masked block, and from there by mask.

    Args:
        tower: CLIP's image tower.
        pixels: (1, 3, side, side) normalized, at the tower's native size.
        config: blocks that are masked, sigma and saliency.

    Attributes:
        tokens: (1, tokens, D) input of the first masked block.
        attentions: of the masked blocks at the latest reading, with their saliencies.
    """

    def __init__(self, tower: VisionTower, pixels: Tensor, config: ZeroGuidanceConfig) -> None:
        depth = len(tower.blocks)
        if config.masked_blocks > depth:
            raise UsageError(
                f"Option 'masked_blocks' was given {config.masked_blocks}, but the image tower "
                f"has {depth} blocks."
            )
        self.tower, self.config = tower, config
        self.first = depth - config.masked_blocks
        with torch.no_grad():
            self.tokens = tower.run(tower.embed(pixels), stop=self.first)
        self.attentions: Mapping[int, GlobalSubtraction] = {}

    @torch.no_grad()
    def read(self, areas: Tensor) -> Tensor:
        """Embeddings of segments, as many at once as the memory bound allows.

        Args:
            areas: (K, grid, grid) share of each patch that is the segment's.

        Returns:
            (K, E) float32, not normalized.
        """
        masks = token_masks(areas)
        widest = self.tokens.shape[1] * self.tower.config.hidden
        chunks = torch.split(masks, max(1, CHUNK_ELEMENTS // widest))
        return torch.cat([self._read(chunk) for chunk in chunks])

    @torch.no_grad()
    def subtraction(self, areas: Tensor) -> Tensor:
        """How much of the global attention is taken away, exp(-(S + 1)^2 / (2 sigma^2)).

        Args:
            areas: (K, grid, grid) share of each patch that is the segment's.

        Returns:
            (K, masked blocks) float32 in [0, 1]; 0 without subtraction.
        """
        sigma_squared = self.config.sigma_squared
        if sigma_squared is None:
            return areas.new_zeros(len(areas), self.config.masked_blocks)
        attentions = segment_attentions(self.tower, token_masks(areas), self.config)
        self._attend(attentions)
        agreements = [block.agreement for _, block in sorted(attentions.items())]
        agreement = torch.stack([found for found in agreements if found is not None], dim=1)
        return subtraction_weight(agreement.float(), sigma_squared)

    def _read(self, masks: Tensor) -> Tensor:
        self.attentions = segment_attentions(self.tower, masks, self.config)
        return self.tower.project(self._attend(self.attentions)).float()

    def _attend(self, attentions: Mapping[int, GlobalSubtraction]) -> Tensor:
        """CLS (K, D) behind the masked blocks."""
        last = len(self.tower.blocks) - 1
        tokens = self.tower.run(self.tokens, self.first, last, attentions)
        return _cls_after(self.tower.blocks[last], tokens, attentions[last])


def token_masks(areas: Tensor) -> Tensor:
    """Masks (K, 1 + grid * grid) of areas (K, grid, grid): CLS, which every segment has, first."""
    return F.pad(areas.flatten(1).clamp(0, 1), (1, 0), value=1.0)


def segment_attentions(
    tower: VisionTower, masks: Tensor, config: ZeroGuidanceConfig
) -> dict[int, GlobalSubtraction]:
    """The attention of every masked block, by the block's index."""
    depth = len(tower.blocks)
    return {
        index: GlobalSubtraction(
            masks, config.sigma_squared, config.saliency, tower.blocks[index].merge_heads
        )
        for index in range(depth - config.masked_blocks, depth)
    }


def _cls_after(block: Block, tokens: Tensor, attention: GlobalSubtraction) -> Tensor:
    """CLS (K, D) behind a block; no other token goes through its projection and MLP."""
    mixed = attention.first_rows(*block.qkv(block.ln_1(tokens)), rows=1)
    cls = tokens[:, :1] + block.merge_heads(mixed)
    after: Tensor = cls + block.mlp(block.ln_2(cls))
    return after[:, 0]


class CropEmbedder:
    """The baseline: each segment on black, cut out by its box and encoded as a picture.

    Args:
        clip: whose image encoder sees the cuts, squashed to its native square.
        image: (H, W, 3) uint8 RGB.
        segments: labels on the picture.
    """

    def __init__(self, clip: Clip, image: ImageArray, segments: Segments) -> None:
        height, width = segments.labels.shape
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
        self._clip, self._segments = clip, segments
        self._picture = np.asarray(resized)

    def embed(self, unions: Sequence[Sequence[int]]) -> Tensor:
        """CLIP embeddings (K, E) float32, not normalized, of K sets of labels."""
        tower = self._clip.visual.config
        parts = [torch.zeros(0, tower.embed_dim, device=self._clip.device)]
        for start in range(0, len(unions), MASK_CHUNK):
            chosen = unions[start : start + MASK_CHUNK]
            cuts = [squash(self._cut(union), tower.image_size) for union in chosen]
            parts.append(self._clip.image_features(self._clip.preprocessing.normalize(cuts)))
        return torch.cat(parts)

    def _cut(self, union: Sequence[int]) -> ImageArray:
        mask = np.isin(self._segments.labels, list(union))
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return (self._picture * mask[..., None])[box]


def build_embedder(
    clip: Clip, image: ImageArray, segments: Segments, config: ZeroGuidanceConfig
) -> SegmentEmbedder:
    """The embedder that the settings ask for."""
    if config.embedding == "crop":
        return CropEmbedder(clip, image, segments)
    return MaskedEmbedder(clip, image, segments, config)


def squash(image: ImageArray, side: int) -> ImageArray:
    """Resize a picture (H, W, 3) to (side, side, 3), whatever its aspect (bicubic)."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def pad_square(image: ImageArray, side: int, color: Sequence[float]) -> ImageArray:
    """Fit a picture into (side, side, 3) with its aspect, on a color of values in [0, 1]."""
    height, width = _fit(image.shape[:2], side)
    fill = tuple(round(255 * value) for value in color)
    canvas = Image.new("RGB", (side, side), fill)
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    canvas.paste(small, ((side - width) // 2, (side - height) // 2))
    return np.asarray(canvas)


def pad_segments(segments: Segments, image_hw: Sequence[int], side: int) -> Segments:
    """Bring labels to the place the picture has after `pad_square`; -1 is the padding."""
    height, width = _fit(image_hw, side)
    top, left = (side - height) // 2, (side - width) // 2
    canvas = np.full((side, side), -1, dtype=np.int16)
    rows, columns = nearest_index(segments.labels.shape, (height, width))
    canvas[top : top + height, left : left + width] = segments.labels[rows][:, columns]
    return Segments(canvas, segments.ids)


def _fit(image_hw: Sequence[int], side: int) -> tuple[int, int]:
    scale = side / max(image_hw)
    return max(1, round(image_hw[0] * scale)), max(1, round(image_hw[1] * scale))


def nearest_index(
    from_hw: Sequence[int], to_hw: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of a map that the pixel centers of another size fall on."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for old, new in zip(from_hw, to_hw, strict=True)
    )
    return rows, columns


def area_masks(segments: Segments, grid: int) -> Tensor:
    """Share of every patch that each segment covers (area interpolation).

    Args:
        segments: m of them at any size.
        grid: patches per side.

    Returns:
        (m, grid, grid) float32 in [0, 1].
    """
    parts = [_area(masks, grid) for masks in _mask_chunks(segments)]
    return torch.cat(parts) if parts else torch.zeros(0, grid, grid)


def _mask_chunks(segments: Segments) -> Iterator[NDArray[np.bool_]]:
    numbers = np.arange(len(segments), dtype=segments.labels.dtype)
    for start in range(0, len(numbers), MASK_CHUNK):
        yield segments.labels == numbers[start : start + MASK_CHUNK, None, None]


def _area(masks: NDArray[np.bool_], grid: int) -> Tensor:
    maps = torch.from_numpy(masks).float()
    return F.interpolate(maps[:, None], (grid, grid), mode="area")[:, 0]
