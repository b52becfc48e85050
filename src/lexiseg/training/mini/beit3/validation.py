"""A quick look at held-out scenes while the small BEiT-3 is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lexiseg.training.mini.beit3.network import Read, coverage, prepare
from lexiseg.training.mini.beit3.pool import Beit3PoolConfig, Facts, read_scene, region_map
from lexiseg.training.mini.beit3.texts import Asked, ask_regions

VALIDATION_SEED = 999  # scenes that no training seed draws
Reading = Callable[[Tensor, list[str]], Read]


@dataclass(frozen=True)
class Validation:
    """Whether texts are told true from false, and the IoU of the cells where true ones are."""

    count: int = 24
    rounds: int = 3  # pairs of texts per scene

    @cached_property
    def scenes(self) -> tuple[Tensor, Tensor, list[Asked]]:
        """Prepared pictures of the val split, their region maps and the texts about them."""
        config = Beit3PoolConfig(seed=VALIDATION_SEED, split="val")
        drawn = [config.world(number)[number] for number in range(self.count)]
        facts = [read_scene(scene) for scene in drawn]
        images = torch.from_numpy(np.stack([scene.image for scene in drawn]))
        pixels = prepare(images.permute(0, 3, 1, 2).float() / 255)
        regions = torch.from_numpy(np.stack([region_map(scene) for scene in drawn]))
        return pixels, regions.repeat_interleave(2 * self.rounds, 0), self._texts(facts)

    def _texts(self, facts: list[Facts]) -> list[Asked]:
        chance = np.random.default_rng(VALIDATION_SEED)
        return [
            asked
            for own in facts
            for _ in range(self.rounds)
            for asked in ask_regions(own, facts, chance)
        ]

    def __call__(self, read: Reading) -> dict[str, float]:
        """Measure a network at its present state.

        Args:
            read: prepared pictures and texts -> logits.
        """
        pixels, regions, asked = self.scenes
        truth, place, spots = (part.cpu() for part in read(pixels, [item.text for item in asked]))
        told = (truth > 0) == torch.tensor([item.is_true for item in asked])
        meant = torch.tensor([bool(item.values) for item in asked])
        values = [item.values for item in asked]
        overlap = ious(place[meant], coverage(regions, values)[meant])
        near = ious(spots[meant], coverage(regions, values, round(spots.shape[1] ** 0.5))[meant])
        named = torch.tensor([not item.text.startswith("the ") for item in asked])[meant]
        return {
            "val_truth": round(float(told.float().mean()), 4),
            "val_names": round(float(overlap[named].mean()), 4),
            "val_sentences": round(float(overlap[~named].mean()), 4),
            "val_spots": round(float(near[named].mean()), 4),
        }


def ious(logits: Tensor, covered: Tensor) -> Tensor:
    """IoU (N,) of found and half covered cells (N, cells)."""
    found, wanted = logits > 0, covered >= 0.5
    return (wanted & found).sum(dim=1) / (wanted | found).sum(dim=1).clamp(min=1)
