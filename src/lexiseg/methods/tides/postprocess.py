"""Step E: semantic scores, the final score, and masks at the size of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.identification import Identified, overlap_of
from lexiseg.methods.tides.proposals import MaskPool
from lexiseg.ops.foreground import semantic_scores
from lexiseg.ops.mask_nms import rank, suppress
from lexiseg.ops.mask_quality import remove_small_regions
from lexiseg.types import Mask


@dataclass(frozen=True)
class Found:
    """Objects of one class.

    Attributes:
        identified: proposals and their scores.
        semantic: (N,) average class score.
        confidence: (N,) final score in [0, 1].
    """

    identified: Identified
    semantic: Tensor
    confidence: Tensor

    def __len__(self) -> int:
        return len(self.semantic)

    def __getitem__(self, chosen: Tensor) -> Found:
        """Some of them, by index or bool."""
        one = self.identified
        picked = Identified(one.proposals[chosen], one.io_scores[chosen], one.identity[chosen])
        return Found(picked, self.semantic[chosen], self.confidence[chosen])


def weigh(
    identified: Identified,
    values: Tensor,
    foreground: Tensor,
    class_probability: float,
    config: TidesConfig,
) -> Found:
    """Score the masks of one class and drop those that hardly show it or are not sure enough.

    Args:
        identified: of the class.
        values: (cells,) its scores in [0, 1].
        foreground: (cells,) bool.
        class_probability: of the class in its best window.
        config: step E.
    """
    counted = foreground
    if config.drop == "cells":
        counted = foreground & (values >= config.min_semantic)
    masks = identified.proposals.masks
    semantic = semantic_scores(masks, values[None], counted[None], config.semantic_divisor)[:, 0]
    segmenter = identified.proposals.segmenter_scores.clamp(0, 1)
    confidence = {
        "semantic": semantic,
        "identity": identified.identity,
        "segmenter": segmenter,
        "semantic*identity": semantic * identified.identity,
        "semantic*segmenter": semantic * segmenter,
        "semantic*identity*class": semantic * identified.identity * class_probability,
    }[config.confidence]
    found = Found(identified, semantic, confidence)
    kept = semantic >= config.min_semantic if config.drop == "masks" else semantic > 0
    return found[kept & (confidence >= config.min_score)]


def suppress_across_classes(
    found: Sequence[Found], shape: tuple[int, int], config: TidesConfig
) -> list[Found]:
    """Of masks of several classes that coincide keep the one of highest semantic score."""
    semantic = torch.cat([one.semantic for one in found])
    masks = torch.cat([one.identified.proposals.masks for one in found])
    overlap = overlap_of(masks, shape, config)
    kept = torch.zeros(len(semantic), dtype=torch.bool)
    kept[suppress(rank(semantic), overlap, config.nms_iou)] = True
    parts = torch.split(kept, [len(one) for one in found])
    return [one[part] for one, part in zip(found, parts, strict=True)]


def finish_masks(pool: MaskPool, found: Found, config: TidesConfig) -> list[Mask]:
    """Masks at the size of the image.

    Args:
        pool: where the masks come from.
        found: objects of one class.
        config: repair of small regions.
    """
    whole = pool.finish(found.identified.proposals)
    if not config.min_region:
        return whole
    arrays = (remove_small_regions(mask.to_array(), config.min_region) for mask in whole)
    return [Mask.from_array(array) for array in arrays]
