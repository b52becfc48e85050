"""The whole recipe: vocabulary, scenes, one tower after the other, and what is shipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from lexiseg.errors import UsageError, WeightsNotFoundError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import BpeTokenizer, Clip, ClipNetwork, Preprocessing, save_pretrained
from lexiseg.models.device import choose_device
from lexiseg.training.mini.card import RECORD
from lexiseg.training.mini.loop import ClipTraining, Trainer, train
from lexiseg.training.mini.pool import Pool, PoolConfig, open_pool
from lexiseg.training.mini.session import Plan
from lexiseg.training.mini.team import Team
from lexiseg.training.mini.texts import TEMPLATES
from lexiseg.training.mini.towers import text_config, vision_config
from lexiseg.training.mini.vocabulary import learn_merges, vocabulary_size, write_vocabulary
from lexiseg.training.mini.watch import Watch

TOWERS = ("proposal", "classifier")
MERGES = 2000


@dataclass(frozen=True)
class Recipe:
    """One run of `clip`."""

    folder: Path
    plan: Plan
    pool: PoolConfig = field(default_factory=PoolConfig)
    seed: int = 0
    batch: int = 64  # per process
    resume: bool = False
    bundled: bool = False  # begin with the weights of the package
    device: str = "auto"

    def run(self, towers: tuple[str, ...]) -> None:
        """Train the towers in order; the classifier's prompts need the proposal tower."""
        team = Team.join()
        with team.leader_first():
            pool = open_pool(self.folder / "pool", self.pool)
            tokenizer = self._tokenizer(pool)
        watch = Watch(seed=self.seed)
        for tower in towers:
            place = self.folder / tower
            trainer = self._trainer(tower, pool, tokenizer, team)
            train(trainer, self.plan, place, watch)
            with team.leader_first():
                if team.leads:
                    export(trainer, place / "weights", self._earlier(tower))

    def _earlier(self, tower: str) -> list[dict[str, Any]]:
        """Sessions that made the weights a run begins with."""
        if not self.bundled:
            return []
        record = bundled_folder(f"mini-clip-{tower}") / RECORD
        sessions: list[dict[str, Any]] = json.loads(record.read_text(encoding="utf-8"))["sessions"]
        return sessions

    def _tokenizer(self, pool: Pool) -> BpeTokenizer:
        if self.bundled:
            return BpeTokenizer(bundled_folder("mini-clip-proposal"))
        return open_tokenizer(self.folder / "tokenizer", pool)

    def _parent(self, tower: str, device: torch.device) -> ClipNetwork | None:
        """The network whose weights a tower begins with; None starts from nothing."""
        if self.bundled:
            return load_network(bundled_folder(f"mini-clip-{tower}"), device)
        return self._proposals(device) if tower == "classifier" else None

    def _proposals(self, device: torch.device) -> ClipNetwork:
        own = self.folder / "proposal" / "weights"
        if self.bundled and not own.is_dir():
            own = bundled_folder("mini-clip-proposal")
        return load_network(own, device)

    def _trainer(self, tower: str, pool: Pool, tokenizer: BpeTokenizer, team: Team) -> Trainer:
        size = vocabulary_size(tokenizer.folder)
        config = ClipTraining(tower, vision_config(tower), text_config(size), self.seed, self.batch)
        device = choose_device(self.device)
        proposals = self._proposals(device) if tower == "classifier" else None
        parent = self._parent(tower, device)
        if parent is not None:
            config = replace(config, rate=1.5e-3, first_share=0.0, early_share=0.5)
        trainer = Trainer(config, pool, tokenizer, proposals, device, team)
        checkpoint = self.folder / tower / "checkpoint.pt"
        if self.resume and checkpoint.is_file():
            trainer.resume(checkpoint)
        elif checkpoint.is_file():
            raise UsageError(
                f"{checkpoint} exists; continue it with --resume or choose another --out."
            )
        elif parent is not None:
            trainer.inherit(parent)
        return trainer


def open_tokenizer(folder: Path, pool: Pool) -> BpeTokenizer:
    """The pair's tokenizer, learnt from the pool's captions unless the folder has one."""
    if not BpeTokenizer.is_in(folder):
        sentences = [sentence for several in pool.captions for sentence in several]
        sentences += [t.format(name) for t in TEMPLATES for name in pool.names]
        write_vocabulary(learn_merges(sentences, MERGES), folder)
    return BpeTokenizer(folder)


def load_network(folder: Path, device: torch.device) -> ClipNetwork:
    """The trained proposal pair that the classifier's training asks for regions."""
    if not (folder / "model.safetensors").is_file():
        raise WeightsNotFoundError(
            f"The classifier is trained with the proposals of the other tower, which is not in "
            f"{folder}: train --tower proposal (or both) with the same --out first."
        )
    return Clip.load(folder, device, torch.float32).network


def export(trainer: Trainer, folder: Path, earlier: Sequence[dict[str, Any]] = ()) -> None:
    """Write the trained pair in Hugging Face's CLIP format, half precision.

    Args:
        trainer: at its end.
        folder: where to.
        earlier: records of the sessions that made the weights it began with.
    """
    native = trainer.config.vision.image_size
    save_pretrained(trainer.network, folder, Preprocessing(native), torch.float16)
    trainer.tokenizer.save(folder)
    record = {
        "tower": trainer.config.tower,
        "image_size": native,
        "things": trainer.pool.thing_count,
        "sessions": [*earlier, *trainer.sessions],
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
