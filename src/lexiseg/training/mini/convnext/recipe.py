"""The whole recipe: scenes, the image tower, and what is shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import BpeTokenizer, Clip
from lexiseg.models.conv_clip.saving import save_conv_clip
from lexiseg.models.device import choose_device
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.augment import normalize
from lexiseg.training.mini.clip.validation import VALIDATION_SEED
from lexiseg.training.mini.convnext.close_ups import CloseUpConfig, open_close_ups
from lexiseg.training.mini.convnext.learner import (
    ConvNextLearner,
    ConvNextTraining,
    pool_regions,
)
from lexiseg.training.mini.fc_clip.pictures import Pictures, SegmentTruth
from lexiseg.training.mini.shipping import readable

TEACHER = "mini-clip-proposal"


@dataclass(frozen=True)
class RegionNames:
    """Share of true segments of val scenes that are named right, among all names.

    Args:
        pictures: the scenes.
        count: how many.
    """

    pictures: Pictures = field(default_factory=lambda: Pictures(224, VALIDATION_SEED, "val"))
    count: int = 32

    @cached_property
    def scenes(self) -> tuple[Tensor, list[SegmentTruth]]:
        """Pixels (N, 3, S, S) in [0, 1] and what they show."""
        return self.pictures.draw(0, self.count, torch.Generator().manual_seed(0))

    @torch.no_grad()
    def __call__(self, learner: ConvNextLearner) -> dict[str, float]:
        """Accuracy by bare names."""
        pixels, truths = self.scenes
        words = learner.network.text(learner.table.ids[0].to(learner.device)).float()
        known = [truth.to(learner.device) for truth in truths]
        with learner.autocast():
            dense = learner.tower.levels(normalize(pixels.to(learner.device)))[-1]
            seen = learner.tower.embed(torch.cat(pool_regions(dense.float(), known)))
        guess = (F.normalize(seen.float(), dim=-1) @ F.normalize(words, dim=-1).T).argmax(dim=1)
        labels = torch.cat([truth.labels for truth in known])
        return {"val_regions": round(float((guess == labels).float().mean()), 4)}


@dataclass(frozen=True)
class ConvNextRecipe:
    """One run of `convnext`."""

    folder: Path
    budget: Budget
    training: ConvNextTraining = field(default_factory=ConvNextTraining)
    close_ups: CloseUpConfig = field(default_factory=CloseUpConfig)
    resume: bool = False
    device: str = "auto"

    def run(self) -> None:
        """Draw scenes, train, and write the weights."""
        group = ProcessGroup.join()
        with group.main_first():
            near = open_close_ups(self.folder / "close-ups", self.close_ups)
        place, source = self.folder / "convnext", bundled_folder(TEACHER)
        teacher = Clip.load(source, "cpu", torch.float32).network
        words = BpeTokenizer(source, teacher.text.config.context)
        device = choose_device(self.device)
        learner = ConvNextLearner(self.training, near, words, teacher, device, group, RegionNames())
        train_and_export(learner, self.budget, place, self.resume, export)


def export(learner: ConvNextLearner, folder: Path) -> None:
    """Write the network in half precision with its tokenizer and a record of its making."""
    save_conv_clip(learner.network, folder, torch.float16, text=TEACHER)
    learner.tokenizer.save(folder)
    readable(folder)
    write_record(learner, folder, teacher=TEACHER, things=learner.close_ups.thing_count)
