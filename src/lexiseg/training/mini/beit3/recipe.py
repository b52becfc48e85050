"""Training of the small BEiT-3 on Miniworld: `python -m lexiseg.training.mini beit3`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lexiseg.datasets.miniworld.taxonomy import load_taxonomy
from lexiseg.models.beit3 import Beit3Network
from lexiseg.models.beit3.network import Streams
from lexiseg.models.beit3.tokenizer import FAST, Beit3Tokenizer
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import Clip
from lexiseg.models.device import choose_device
from lexiseg.models.side_files import CONFIG
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import Optimizer, decayed, muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import CHECKPOINT, Budget, train_and_export
from lexiseg.training.mini.augment import recolor
from lexiseg.training.mini.beit3.network import (
    LONGEST,
    SPOTTED,
    Read,
    WordReader,
    beit3_config,
    coverage,
    prepare,
)
from lexiseg.training.mini.beit3.pool import Beit3Pool, Beit3PoolConfig, open_beit3_pool
from lexiseg.training.mini.beit3.start import begin_with_clip
from lexiseg.training.mini.beit3.texts import Asked, ask_captions, ask_regions, mirrored
from lexiseg.training.mini.beit3.tokenizer import BLANK, learn_tokenizer
from lexiseg.training.mini.beit3.validation import Validation

CALIBRATION = 64  # pictures to fit the norms on
RECOLORED = 0.4  # strength; more would make color words lie
NAMES_WEIGHT = 20  # times that each name is counted when the tokenizer is learned


@dataclass(frozen=True)
class Beit3Training(TrainingConfig):
    """Settings of the small BEiT-3's training."""

    batch: int = 24  # pictures, each with two texts
    rate: float = 1.5e-3
    warmup: int = 20
    checkpoint_every: int = 100
    captions: float = 0.02  # share of the budget with names and captions, before there are regions
    place_weight: float = 1.0
    spots_weight: float = 1.0


class Beit3Learner(Learner):
    """The small BEiT-3 in training.

    Args:
        config: settings.
        pool: drawn scenes.
        tokenizer: of the texts.
        network: to train.
        device: where to train.
        group: processes that train together; each draws its own scenes.
        validation: looks at held-out scenes for the curve.
    """

    config: Beit3Training
    label = "training beit3"

    def __init__(
        self,
        config: Beit3Training,
        pool: Beit3Pool,
        tokenizer: Beit3Tokenizer,
        network: Beit3Network,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Validation | None = None,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool, self.tokenizer, self.validation = pool, tokenizer, validation
        self.model = network.train().to(self.device)
        self.reader = WordReader(network.config.width).to(self.device)
        self.spotted = torch.empty(0)
        self.model.encoder.layers[SPOTTED].register_forward_pre_hook(self._keep)
        blocks = muon_and_adamw(self.model, "layers.").parts
        heads = torch.optim.AdamW(decayed(self.reader.parameters(), 0.05), betas=(0.9, 0.98))
        self.optimizer = Optimizer(*blocks, heads)

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {"network": self.model, "reader": self.reader, "optimizer": self.optimizer}

    def measure(self) -> dict[str, float]:
        """A quick look at held-out scenes."""
        if self.validation is None:
            return {}
        self.model.eval()
        with torch.no_grad():
            figures = self.validation(self.read)
        self.model.train()
        return figures

    def _keep(self, block: nn.Module, given: tuple[Streams, Tensor | None]) -> None:
        """Remember the picture's tokens before a block."""
        self.spotted = cast(Tensor, given[0][0])

    def read(self, pixels: Tensor, texts: list[str]) -> Read:
        """Logits of truth and place of N texts, the same number for each picture.

        Args:
            pixels: (B, 3, s, s) prepared.
            texts: N = B * T of them, picture by picture.
        """
        tokens, padding = (part.to(self.device) for part in self.tokenizer(texts))
        with self.autocast(), sdpa_kernel(SDPBackend.MATH):
            seen = self.model.embed_picture(pixels.to(self.device))
            seen = seen.repeat_interleave(len(texts) // len(seen), dim=0)
            cls = self.model.run((seen, self.model.embed_text(tokens, padding)), padding)[:, 0]
        found: Read = self.reader(cls.float(), self.spotted[:, 1:].float())
        return found

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses."""
        generator = self.generator()
        pictures, regions, asked = self._draw(progress, generator)
        pixels = prepare(recolor(pictures, generator, RECOLORED))
        losses = self._losses(self.read(pixels, [item.text for item in asked]), regions, asked)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        parameters = (*self.model.parameters(), *self.reader.parameters())
        self.group.average(parameter.grad for parameter in parameters)
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in losses.items()}

    def _losses(self, read: Read, regions: Tensor, asked: list[Asked]) -> dict[str, Tensor]:
        """Truth of all texts; places of those with a region; patches of these and of false ones."""
        target = torch.tensor([float(item.is_true) for item in asked], device=self.device)
        losses = {"truth": F.binary_cross_entropy_with_logits(read.truth, target)}
        values = [item.values for item in asked]
        meant = torch.tensor([bool(regions) for regions in values])
        if meant.any():
            covered = coverage(regions, values)[meant].to(self.device)
            losses["place"] = self.config.place_weight * place_loss(read.place[meant], covered)
            known = meant | torch.tensor([not item.is_true for item in asked])
            covered = coverage(regions, values, self.model.config.grid)[known].to(self.device)
            losses["spots"] = self.config.spots_weight * place_loss(read.spots[known], covered)
        return losses

    def _draw(
        self, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, list[Asked]]:
        """Pictures (B, 3, S, S), region maps (2 B, h, w), and two texts about each."""
        chance = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        rows = chance.integers(len(self.pool.images), size=self.config.batch)
        turned = chance.random(len(rows)) < 0.5
        images, regions = (
            np.stack(
                [
                    array[row][:, ::-1] if turn else array[row]
                    for row, turn in zip(rows, turned, strict=True)
                ]
            )
            for array in (self.pool.images, self.pool.regions)
        )
        asked = [
            Asked(mirrored(item.text), item.values, item.is_true) if turn else item
            for row, turn in zip(rows, turned, strict=True)
            for item in self._ask(int(row), progress, chance)
        ]
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        return pixels.to(self.device), torch.from_numpy(regions).repeat_interleave(2, 0), asked

    def _ask(self, row: int, progress: float, chance: np.random.Generator) -> tuple[Asked, Asked]:
        facts = self.pool.facts[row]
        if progress >= self.config.captions:
            return ask_regions(facts, self.pool.facts, chance)
        if chance.random() < 0.5:
            return ask_captions(facts, self.pool.facts, chance)
        true, false = ask_regions(facts, self.pool.facts, chance)
        return Asked(true.text, (), True), false


def place_loss(logits: Tensor, covered: Tensor) -> Tensor:
    """Cross-entropy of the cells plus dice loss of the region, mean over N texts.

    Args:
        logits: (N, cells).
        covered: (N, cells) in 0..1.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, covered)
    chance = logits.sigmoid()
    both, sizes = (chance * covered).sum(dim=1), chance.sum(dim=1) + covered.sum(dim=1)
    return 2 * entropy + (1 - (2 * both + 1) / (sizes + 1)).mean()


@dataclass(frozen=True)
class Beit3Recipe:
    """One run of `beit3`."""

    folder: Path
    budget: Budget
    pool: Beit3PoolConfig = field(default_factory=Beit3PoolConfig)
    training: Beit3Training = field(default_factory=Beit3Training)
    resume: bool = False
    device: str = "auto"

    def run(self) -> None:
        """Draw scenes, train, and write the weights."""
        group = ProcessGroup.join()
        with group.main_first():
            pool = open_beit3_pool(self.folder / "pool", self.pool)
        place = self.folder / "beit3"
        learner = self._learner(pool, group)
        train_and_export(learner, self.budget, place, self.resume, export)

    def _learner(self, pool: Beit3Pool, group: ProcessGroup) -> Beit3Learner:
        device = choose_device(self.device)
        folder = self.folder / "tokenizer"
        tokenizer = _open_tokenizer(folder / FAST, pool)
        network = Beit3Network(beit3_config(tokenizer.get_vocab_size()))
        if not (self.folder / "beit3" / CHECKPOINT).is_file():
            _begin(network, pool, tokenizer)
        words = Beit3Tokenizer(folder, LONGEST - 2)
        return Beit3Learner(self.training, pool, words, network, device, group, Validation())


def _open_tokenizer(file: Path, pool: Beit3Pool) -> Tokenizer:
    """The tokenizer, learnt from the pool's texts and all names unless the file is there."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        learn_tokenizer(_texts(pool)).save(str(file))
    return Tokenizer.from_file(str(file))


def _texts(pool: Beit3Pool) -> Iterator[str]:
    names = [name for policy in "AB" for name in load_taxonomy(policy).names]
    yield from NAMES_WEIGHT * names
    for facts in pool.facts:
        yield from facts.captions
        yield from (text for text, _ in facts.sentences)


def _begin(network: Beit3Network, pool: Beit3Pool, tokenizer: Tokenizer) -> None:
    """Give a new network what the small CLIP knows."""
    clip = Clip.load(bundled_folder("mini-clip-classifier"), "cpu", torch.float32)
    entries = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    images = torch.from_numpy(np.array(pool.images[:CALIBRATION])).permute(0, 3, 1, 2).float() / 255
    pieces = [piece.replace(BLANK, "") for piece, _ in entries]
    begin_with_clip(network, clip, pieces, prepare(images) / 2 + 0.5)


def export(learner: Beit3Learner, folder: Path) -> None:
    """Write network and tokenizer, half precision, with a record of its making."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: t.half().contiguous() for key, t in learner.model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    settings = json.dumps(asdict(learner.model.config), indent=2) + "\n"
    (folder / CONFIG).write_text(settings, encoding="utf-8")
    tokenizer = learner.tokenizer.file.read_text(encoding="utf-8")
    (folder / FAST).write_text(tokenizer, encoding="utf-8")
    write_record(learner, folder, captions=learner.config.captions)
