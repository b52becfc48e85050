"""A quick look at held-out accuracy while training runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.models.clip.preprocess import Preprocessing
from lexiseg.training.mini.clip.learner import ClipLearner

VALIDATION_SEED = 999  # scenes that no training seed draws


@dataclass(frozen=True)
class Validation:
    """Top-1 accuracy on single things of the val split, among all thing names."""

    count: int = 256
    seed: int = 0

    @cached_property
    def scenes(self) -> tuple[Tensor, Tensor]:
        """Images (N, S, S, 3) uint8 and the numbers of their things."""
        world = Miniworld("val", seed=VALIDATION_SEED + self.seed, things=(1, 1))
        shown = [scene for k in range(self.count) if (scene := world[k]).objects]
        number = {name: k for k, name in enumerate(world.thing_names)}
        images = torch.from_numpy(np.stack([scene.image for scene in shown]))
        return images, torch.tensor([number[scene.objects[0].name] for scene in shown])

    @torch.no_grad()
    def __call__(self, learner: ClipLearner) -> dict[str, float]:
        """Accuracy of CLS against bare names, at the size that training is at."""
        images, truth = self.scenes
        size = learner.current_size
        prepare = Preprocessing(size)
        bare = learner.table.ids[0, : learner.pool.thing_count].to(learner.device)
        with learner.autocast():
            vectors = learner.words.vectors[: len(bare)]
            said = learner.network.text(bare) if learner.distilled else vectors
            names = F.normalize(said.float(), dim=-1)
            seen = [
                learner.network.visual(
                    prepare.squares(list(chunk.numpy())).to(learner.device)
                ).float()
                for chunk in torch.split(images, 32)
            ]
        guess = (torch.cat(seen) @ names.T).argmax(dim=1).cpu()
        return {"val_top1": round(float((guess == truth).float().mean()), 4)}
