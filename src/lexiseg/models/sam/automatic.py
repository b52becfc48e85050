"""Masks of everything in an image, from any promptable segmenter.

Source: SAM's automatic mask generator (Kirillov et al. 2023, appendix B).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.models.sam.crops import Crop, cut_crops, point_grid, touches_cut
from lexiseg.ops.mask_nms import box_iou, cell_boxes, rank, suppress
from lexiseg.ops.mask_quality import remove_small_regions, stability_score
from lexiseg.types import Candidates, ImageEmbedding, Mask, PromptableSegmenter

Image8 = NDArray[np.uint8]
PIXELS_AT_ONCE = 1 << 25  # of masks brought to the size of the image together


@dataclass(frozen=True)
class AutomaticConfig:
    """Settings of the generator; the defaults are SAM's.

    Args:
        points_per_side: of the grid of prompts on the whole image.
        min_score: masks whose expected IoU is not above it are dropped.
        min_stability: masks less stable are dropped.
        stability_offset: how far the threshold is moved to measure stability, in logits.
        max_box_iou: of two masks of one crop whose boxes overlap more, the better stays.
        crop_layers: divisions of the image that are asked again, in crops.
        crop_overlap: of neighboring crops, as a share of the image's shorter side.
        crop_points_divisor: each division has a grid coarser by this factor.
        max_crop_iou: as `max_box_iou` across crops, where masks of smaller crops stay.
        min_area: smaller holes are filled and smaller islands removed, in pixels; 0 for none.
    """

    points_per_side: int = 32
    min_score: float = 0.88
    min_stability: float = 0.95
    stability_offset: float = 1.0
    max_box_iou: float = 0.7
    crop_layers: int = 0
    crop_overlap: float = 512 / 1500
    crop_points_divisor: int = 1
    max_crop_iou: float = 0.7
    min_area: int = 0

    def __post_init__(self) -> None:
        if self.points_per_side < 1 or self.crop_points_divisor < 1 or self.crop_layers < 0:
            raise UsageError(
                "points_per_side and crop_points_divisor must be at least 1 and crop_layers at "
                f"least 0; got {self.points_per_side}, {self.crop_points_divisor} and "
                f"{self.crop_layers}."
            )


# What CLIP as RNN asks of HQ-SAM (Sun et al. 2024, section 3.4).
CAR_CONFIG = AutomaticConfig(points_per_side=64)


@dataclass(frozen=True)
class Proposal:
    """One mask, where it came from and how good it is thought to be.

    Args:
        mask: at image size.
        score: the segmenter's estimate of its IoU.
        stability: overlap of the masks at a raised and a lowered threshold, 0..1.
        point_xy: the prompt in image pixels.
        crop: the part of the image it was found in.
    """

    mask: Mask
    score: float
    stability: float
    point_xy: tuple[float, float]
    crop: Crop


class AutomaticMasks:
    """Prompts a segmenter with a grid of points and keeps what is sure, stable and new.

    Args:
        segmenter: any.
        config: settings.

    Example:
        >>> from lexiseg.models.sam import AutomaticMasks, load_segmenter
        >>> automatic = AutomaticMasks(load_segmenter("sam-vit-b"))        # doctest: +SKIP
        >>> masks = automatic.propose_masks(image)                         # doctest: +SKIP
    """

    def __init__(
        self, segmenter: PromptableSegmenter, config: AutomaticConfig | None = None
    ) -> None:
        self.segmenter = segmenter
        self.config = config or AutomaticConfig()

    @property
    def name(self) -> str:
        """What the segmenter's weights are called."""
        return str(getattr(self.segmenter, "name", type(self.segmenter).__name__))

    @property
    def fingerprint(self) -> str:
        """The sha256 of the segmenter's weights; "" where it tells none."""
        return str(getattr(self.segmenter, "fingerprint", ""))

    @property
    def dtype(self) -> torch.dtype | None:
        """The precision the segmenter computes in; None where it tells none."""
        return getattr(self.segmenter, "dtype", None)

    def propose_masks(self, image: Image8) -> list[Mask]:
        """Masks of an (H, W, 3) uint8 RGB image at its size, best first."""
        return [proposal.mask for proposal in self.propose(image)]

    def propose(self, image: Image8) -> list[Proposal]:
        """Masks with their origin, best first within each crop.

        Raises:
            UsageError: not an (H, W, 3) uint8 image.
        """
        config = self.config
        if image.ndim != 3:
            raise UsageError(f"An image must have shape (H, W, 3); got {image.shape}.")
        crops = cut_crops((image.shape[0], image.shape[1]), config.crop_layers, config.crop_overlap)
        found = [proposal for crop in crops for proposal in self._ask_crop(image, crop)]
        if len(crops) > 1:
            found = _thin(found, [1 / p.crop.area for p in found], config.max_crop_iou)
        return self._clean(found) if config.min_area > 0 else found

    def _ask_crop(self, image: Image8, crop: Crop) -> list[Proposal]:
        config = self.config
        left, top, right, bottom = crop.box_xyxy
        embedding = self.segmenter.encode(image[top:bottom, left:right])
        per_side = max(config.points_per_side // config.crop_points_divisor**crop.level, 1)
        points = point_grid(per_side, right - left, bottom - top)
        proposals: list[Proposal] = []
        start = 0
        for part in self.segmenter.predict_chunks(embedding, points=points[:, None]):
            asked = points[start : start + len(part)] + np.array([left, top], dtype=np.float32)
            proposals += self._accept(part, embedding, asked, crop, image.shape[:2])
            start += len(part)
        return _thin(proposals, [p.score for p in proposals], config.max_box_iou)

    def _accept(
        self,
        part: Candidates,
        embedding: ImageEmbedding,
        points: NDArray[np.float32],
        crop: Crop,
        image_hw: tuple[int, ...],
    ) -> Iterator[Proposal]:
        """The sure and stable masks of some prompts, in image coordinates."""
        hw = (image_hw[0], image_hw[1])
        rows, columns = (part.scores > self.config.min_score).nonzero(as_tuple=True)
        at_once = max(PIXELS_AT_ONCE // (embedding.size_hw[0] * embedding.size_hw[1]), 1)
        batches = zip(torch.split(rows, at_once), torch.split(columns, at_once), strict=True)
        for row, column in batches:
            masks, stability = self._stable(part.logits[row, column], embedding)
            kept = stability >= self.config.min_stability
            boxes = _to_last_pixels(cell_boxes(masks[kept])).cpu().numpy()
            whole = ~touches_cut(boxes + np.float32(np.tile(crop.box_xyxy[:2], 2)), crop, hw)
            scores = part.scores[row, column][kept].tolist()
            prompts, sure = points[row[kept].cpu().numpy()], stability[kept].tolist()
            for n, mask in enumerate(masks[kept].cpu().numpy()):
                if whole[n] and mask.any():
                    x, y = prompts[n].tolist()
                    yield Proposal(_uncropped(mask, crop, hw), scores[n], sure[n], (x, y), crop)

    def _stable(self, logits: Tensor, embedding: ImageEmbedding) -> tuple[Tensor, Tensor]:
        large = self.segmenter.full_size(logits, embedding)
        return large > 0, stability_score(large, self.config.stability_offset)

    def _clean(self, proposals: list[Proposal]) -> list[Proposal]:
        """Fill small holes and remove islands; of what then coincides, untouched masks stay."""
        cleaned, untouched = [], []
        for proposal in proposals:
            before = proposal.mask.to_array()
            after = remove_small_regions(before, self.config.min_area)
            untouched.append(float(np.array_equal(before, after)))
            cleaned.append(replace(proposal, mask=Mask.from_array(after)))
        limit = max(self.config.max_box_iou, self.config.max_crop_iou)
        return _thin(cleaned, untouched, limit)


def _thin(proposals: list[Proposal], priority: list[float], max_iou: float) -> list[Proposal]:
    """Drop masks whose box coincides with that of one of higher priority."""
    if not proposals:
        return proposals
    sizes = np.array([proposal.mask.bbox for proposal in proposals], dtype=np.float32)
    boxes = torch.from_numpy(sizes)
    boxes[:, 2:] += boxes[:, :2]
    boxes = _to_last_pixels(boxes)
    order = rank(torch.tensor(priority), torch.tensor([p.score for p in proposals]))
    kept = suppress(order, lambda one, other: box_iou(boxes[one], boxes[other]), max_iou)
    return [proposals[number] for number in kept.tolist()]


def _to_last_pixels(boxes: Tensor) -> Tensor:
    """SAM's own boxes end at the last pixel of a mask, not behind it; empty ones stay (0, 0, 0, 0).

    Args:
        boxes: (N, 4) float32 xyxy, right and bottom exclusive.
    """
    return boxes - boxes.new_tensor([0, 0, 1, 1]) * (boxes[:, 2:3] > 0)


def _uncropped(mask: NDArray[np.bool_], crop: Crop, image_hw: tuple[int, int]) -> Mask:
    if mask.shape == image_hw:
        return Mask.from_array(mask)
    left, top, right, bottom = crop.box_xyxy
    whole = np.zeros(image_hw, dtype=bool)
    whole[top:bottom, left:right] = mask
    return Mask.from_array(whole)
