"""A quick look at held-out masks while the small SAM is trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.models.sam.prompts import PromptEncoder
from lexiseg.training.mini.sam.labels import LEVELS, label_levels
from lexiseg.training.mini.sam.loss import pairwise_iou
from lexiseg.training.mini.sam.network import SIDE, enlarge, normalize
from lexiseg.training.mini.sam.prompts import Prompted, draw_prompts

VALIDATION_SEED = 999  # scenes that no training seed draws
CLICKS, BOXES = 12, 4  # per scene
CELLS = 128


class Answering(Protocol):
    """A network of SAM's kind in training."""

    prompts: PromptEncoder

    def answer(
        self, pixels: Tensor, points: Tensor, boxes: Tensor, autocast: torch.autocast
    ) -> tuple[Tensor, Tensor]:
        """Masks and scores of clicks and boxes; see `PromptedSam.answer`."""


@dataclass(frozen=True)
class Validation:
    """Mean IoU of the best of three candidates, by level, and of the single mask of boxes."""

    count: int = 24
    side: int = SIDE

    @cached_property
    def scenes(self) -> tuple[Tensor, Prompted]:
        """Normalized pictures of the val split and prompts on them."""
        world = Miniworld("val", self.side, VALIDATION_SEED, things=(1, 8))
        scenes = [world[number] for number in range(self.count)]
        images = torch.from_numpy(np.stack([scene.image for scene in scenes]))
        labels = torch.from_numpy(np.stack([label_levels(scene) for scene in scenes]))
        chance = torch.Generator().manual_seed(VALIDATION_SEED)
        cells = min(CELLS, self.side)
        pixels = normalize(images.permute(0, 3, 1, 2).float() / 255)
        return pixels, draw_prompts(labels, CLICKS, BOXES, cells, chance)

    @torch.no_grad()
    def __call__(self, sam: Answering, autocast: torch.autocast) -> dict[str, float]:
        """Measure a network at its present state."""
        pixels, asked = self.scenes
        found = [
            self._overlaps(sam, pixels[k : k + 1], asked.select(k), autocast)
            for k in range(len(pixels))
        ]
        overlaps = torch.cat(found)  # (B, P, 4, 3)
        best = overlaps[:, :CLICKS, 1:].amax(dim=2)
        result = {
            f"val_{name}": float(best[..., level][asked.valid[:, :CLICKS, level]].mean())
            for level, name in enumerate(LEVELS)
        }
        drawn = asked.drawn[:, CLICKS:, None]
        boxed = overlaps[:, CLICKS:, 0].gather(2, drawn)[..., 0]
        result["val_box"] = float(boxed[asked.valid[:, CLICKS:].any(dim=2)].mean())
        return {name: round(value, 4) for name, value in result.items()}

    def _overlaps(
        self, sam: Answering, pixels: Tensor, asked: Prompted, autocast: torch.autocast
    ) -> Tensor:
        device = sam.prompts.no_mask.device
        logits, _ = sam.answer(
            pixels.to(device), asked.points.to(device), asked.boxes.to(device), autocast
        )
        cells = asked.truth.shape[-1]
        flat = enlarge(logits[0], cells).flatten(2).cpu()
        return pairwise_iou(flat, asked.truth[0].flatten(2))[None]
