"""The whole recipe: scenes, the image tower, and what is shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import BpeTokenizer, Clip, Preprocessing
from lexiseg.models.conv_clip.saving import save_conv_clip
from lexiseg.models.device import choose_device
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.clip.validation import Validation
from lexiseg.training.mini.convnext.close_ups import CloseUpConfig, open_close_ups
from lexiseg.training.mini.convnext.learner import ConvNextLearner, ConvNextTraining
from lexiseg.training.mini.pool import PoolConfig, open_pool

TEACHER = "mini-clip-proposal"


@dataclass(frozen=True)
class NameChoice:
    """Top-1 accuracy on single things of the val split, among all names of things."""

    scenes: Validation = field(default_factory=Validation)

    @torch.no_grad()
    def __call__(self, learner: ConvNextLearner) -> dict[str, float]:
        """Accuracy of the image's embedding, at the size that training is at."""
        images, truth = self.scenes.scenes
        prepare = Preprocessing(learner.current_size)
        bare = learner.table.ids[0, : learner.pool.thing_count].to(learner.device)
        names = F.normalize(learner.network.text(bare).float(), dim=-1)
        learner.network.eval()
        with learner.autocast():
            seen = [
                learner.network.visual(prepare.squares(list(part.numpy())).to(learner.device))
                for part in torch.split(images, 32)
            ]
        learner.network.train()
        guess = (torch.cat(seen).float() @ names.T).argmax(dim=1).cpu()
        return {"val_top1": round(float((guess == truth).float().mean()), 4)}


@dataclass(frozen=True)
class ConvNextRecipe:
    """One run of `convnext`."""

    folder: Path
    budget: Budget
    training: ConvNextTraining = field(default_factory=ConvNextTraining)
    pool: PoolConfig = field(default_factory=PoolConfig)
    close_ups: CloseUpConfig = field(default_factory=CloseUpConfig)
    resume: bool = False
    device: str = "auto"

    def run(self) -> None:
        """Draw scenes, train, and write the weights."""
        group = ProcessGroup.join()
        with group.main_first():
            pool = open_pool(self.folder / "pool", self.pool)
            near = open_close_ups(self.folder / "close-ups", self.close_ups)
        place, source = self.folder / "convnext", bundled_folder(TEACHER)
        teacher = Clip.load(source, "cpu", torch.float32).network
        words = BpeTokenizer(source, teacher.text.config.context)
        device = choose_device(self.device)
        learner = ConvNextLearner(
            self.training, pool, near, words, teacher, device, group, NameChoice()
        )
        train_and_export(learner, self.budget, place, self.resume, export)


def export(learner: ConvNextLearner, folder: Path) -> None:
    """Write the network in half precision with its tokenizer and a record of its making."""
    save_conv_clip(learner.network, folder, torch.float16)
    learner.tokenizer.save(folder)
    write_record(learner, folder, teacher=TEACHER, things=learner.pool.thing_count)
