"""What the small SAM 2 is worth on held-out scenes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lexiseg.datasets.miniworld import WorldScene
from lexiseg.models.sam import Segmenter, load_segmenter
from lexiseg.training.mini.sam.loss import pairwise_iou
from lexiseg.training.mini.sam.measure import LARGE, held_out_scenes, measure_sam
from lexiseg.training.mini.sam.prompts import bounding_boxes
from lexiseg.types import ImageEmbedding

BEYOND = 40.0  # pixels to the left of the frame


@dataclass(frozen=True)
class Sam2Results:
    """What is measured of the objects of a scene, beyond what is measured of a small SAM.

    Attributes:
        refined: (O,) IoU with the object of the mask of its box, given back as a prompt alone.
        there: (O,) bool, the object score of a click on the object is positive.
        nothing: (2,) bool, that of a point beyond the frame, and of one that is outside, is not.
    """

    refined: Tensor
    there: Tensor
    nothing: Tensor


def measure_sam2(folder: Path, scenes: int = 60, split: str = "test") -> dict[str, float]:
    """Measure a small SAM 2 in Hugging Face's format.

    Returns:
        What `measure_sam` returns, and means of the fields of `Sam2Results`.
    """
    figures = measure_sam(folder, scenes, split)
    segmenter = load_segmenter(folder)
    chosen = islice(held_out_scenes(split), scenes)
    asked = [ask(segmenter, scene) for scene in tqdm(chosen, "scenes", scenes)]
    for name in ("refined", "there", "nothing"):
        values = torch.cat([getattr(part, name) for part in asked]).float()
        figures[name] = round(float(values.mean()), 4)
    return figures


@torch.no_grad()
def ask(segmenter: Segmenter, scene: WorldScene) -> Sam2Results:
    """Give masks of boxes back, and look at object scores of what is there and what is not."""
    objects = [o for o in scene.objects if o.visible and o.area > LARGE]
    whole = torch.from_numpy(np.stack([o.mask for o in objects]))
    embedding = segmenter.encode(scene.image)
    boxed = segmenter.predict(embedding, boxes=bounding_boxes(whole), multimask=False)
    again = segmenter.predict(embedding, masks=boxed.logits[:, 0].float(), multimask=False)
    full = segmenter.full_size(again.logits, embedding)
    overlaps = pairwise_iou(full.flatten(2), whole[:, None].flatten(2))[:, 0, 0]
    points = torch.stack([_inside(mask) for mask in whole])[:, None]
    there = _object_logits(segmenter, embedding, points, 1) > 0
    nothing = [
        _object_logits(segmenter, embedding, torch.tensor([[[-BEYOND, 80.0]]]), 1) <= 0,
        _object_logits(segmenter, embedding, points[:1], 0) <= 0,
    ]
    return Sam2Results(overlaps, there, torch.cat(nothing))


def _inside(mask: Tensor) -> Tensor:
    """The middle one of the pixels (x, y) of a mask (H, W)."""
    pixels = mask.nonzero()
    return pixels[len(pixels) // 2].flip(0).float()


def _object_logits(
    segmenter: Segmenter, embedding: ImageEmbedding, points: Tensor, label: int
) -> Tensor:
    labels = torch.full(points.shape[:2], label)
    found = segmenter.predict(embedding, points=points, labels=labels, multimask=False)
    assert found.object_logits is not None
    return found.object_logits[:, 0]
