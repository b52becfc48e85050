"""The whole recipe: vocabulary, scenes, one tower after the other, and what is shipped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from lexiseg.errors import WeightsNotFoundError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import BpeTokenizer, Clip, ClipNetwork, Preprocessing, save_pretrained
from lexiseg.models.device import choose_device
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.clip.learner import ClipLearner, ClipTraining
from lexiseg.training.mini.clip.texts import TEMPLATES
from lexiseg.training.mini.clip.towers import text_config, vision_config
from lexiseg.training.mini.clip.validation import Validation
from lexiseg.training.mini.pool import Pool, PoolConfig, open_pool
from lexiseg.training.mini.shipping import bundled_sessions
from lexiseg.training.mini.vocabulary import learn_merges, vocabulary_size, write_vocabulary

TOWERS = ("proposal", "classifier")
MERGES = 2000


@dataclass(frozen=True)
class ClipRecipe:
    """One run of `clip`."""

    folder: Path
    budget: Budget
    pool: PoolConfig = field(default_factory=PoolConfig)
    seed: int = 0
    batch: int = 64  # per process
    resume: bool = False
    bundled: bool = False  # begin with the weights of the package
    device: str = "auto"

    def run(self, towers: tuple[str, ...]) -> None:
        """Train the towers in order; the classifier's prompts need the proposal tower."""
        group = ProcessGroup.join()
        with group.main_first():
            pool = open_pool(self.folder / "pool", self.pool)
            tokenizer = self._tokenizer(pool)
        for tower in towers:
            place = self.folder / tower
            learner = self._learner(tower, pool, tokenizer, group)
            train_and_export(learner, self.budget, place, self.resume, export)

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

    def _learner(
        self, tower: str, pool: Pool, tokenizer: BpeTokenizer, group: ProcessGroup
    ) -> ClipLearner:
        device = choose_device(self.device)
        proposals = self._proposals(device) if tower == "classifier" else None
        parent = self._parent(tower, device)
        config = self._config(tower, vocabulary_size(tokenizer.folder), parent is not None)
        validation = Validation(seed=self.seed)
        learner = ClipLearner(config, pool, tokenizer, proposals, device, group, validation)
        if parent is not None:
            learner.inherit(parent)
        if self.bundled:
            learner.sessions = [*bundled_sessions(f"mini-clip-{tower}"), *learner.sessions]
        return learner

    def _config(self, tower: str, entries: int, further: bool) -> ClipTraining:
        """Settings of a tower; one that can see already needs no first words."""
        config = ClipTraining(
            tower=tower,
            vision=vision_config(tower),
            text=text_config(entries),
            seed=self.seed,
            batch=self.batch,
        )
        return replace(config, rate=1.5e-3, first_share=0.0, early_share=0.5) if further else config


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


def export(learner: ClipLearner, folder: Path) -> None:
    """Write the trained pair in Hugging Face's CLIP format, half precision, and its record."""
    native = learner.config.vision.image_size
    save_pretrained(learner.network, folder, Preprocessing(native), torch.float16)
    learner.tokenizer.save(folder)
    write_record(
        learner,
        folder,
        tower=learner.config.tower,
        image_size=native,
        things=learner.pool.thing_count,
    )
