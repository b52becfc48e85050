"""The training loop: seeded by step, bounded by steps or minutes, resumable at any checkpoint."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from lexiseg.models.clip import BpeTokenizer, ClipNetwork, TextConfig, VisionConfig
from lexiseg.models.device import choose_dtype
from lexiseg.training.mini.augment import normalize, recolor, sample
from lexiseg.training.mini.objective import WEIGHTS, Labels, Objective
from lexiseg.training.mini.optimizer import Optimizer
from lexiseg.training.mini.pool import Pool
from lexiseg.training.mini.prompts import find_regions, spotlight
from lexiseg.training.mini.team import Team
from lexiseg.training.mini.text_start import separate_names
from lexiseg.training.mini.texts import NameTable
from lexiseg.training.mini.towers import read

ALONE = Team()
LARGEST_SCALE = math.log(100)


@dataclass(frozen=True)
class ClipTraining:
    """Settings of one tower's training."""

    tower: str  # "proposal" or "classifier"
    vision: VisionConfig
    text: TextConfig
    seed: int = 0
    batch: int = 64  # per process
    rate: float = 3e-3  # at its highest
    warmup: int = 100  # steps
    text_start: int = 80  # steps on texts alone before the first picture
    early_size: int = 128  # pixels per side of the first, cheap part
    early_share: float = 0.6  # of the whole plan
    prompted: float = 0.5  # share of pictures with a visual prompt, once proposals can be asked
    checkpoint_every: int = 200  # steps


@dataclass(frozen=True)
class Plan:
    """How long to train in all, earlier sessions included: by steps or by minutes."""

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Share of the plan that is done, 0..1."""
        if self.steps is not None:
            return min(1.0, step / max(1, self.steps))
        return min(1.0, seconds / max(1e-9, 60 * (self.minutes or 0)))


@dataclass
class Batch:
    """Pictures and what is asked about them."""

    pixels: Tensor
    labels: Labels
    captions: Tensor
    names: Tensor = field(repr=False)


class Trainer:
    """One tower's network, its data and the state of its training.

    Args:
        config: sizes and settings.
        pool: drawn scenes.
        tokenizer: of the pair.
        proposals: a trained proposal pair; with it some pictures are visually prompted.
        device: where to train.
        team: processes that train together; each draws its own pictures.
    """

    def __init__(
        self,
        config: ClipTraining,
        pool: Pool,
        tokenizer: BpeTokenizer,
        proposals: ClipNetwork | None = None,
        device: torch.device | str = "cpu",
        team: Team = ALONE,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.pool, self.tokenizer, self.team = config, pool, tokenizer, team
        self.device = torch.device(device)
        self.network = ClipNetwork(config.vision, config.text).to(self.device).train()
        self.objective = Objective(WEIGHTS[config.tower]).to(self.device)
        both = torch.nn.ModuleDict({"network": self.network, "objective": self.objective})
        self.table = NameTable(tokenizer, pool.names)
        self.proposals = proposals
        self.dtype = choose_dtype("auto", self.device)
        self.parameters = list(both.parameters())
        self.optimizer = Optimizer(both, dtype=self.dtype)
        self.step, self.seconds = 0, 0.0
        self.current_size = self.size(0.0)

    def start(self) -> None:
        """Begin a new training: separate the names in the text tower."""
        separate_names(self.network.text, self.table, self.config.text_start, self.config.seed)

    def rate(self, progress: float) -> float:
        """Learning rate: linear warm-up, then half a cosine down to a hundredth."""
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        return self.config.rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

    def size(self, progress: float) -> int:
        """Picture size: small first, native later."""
        early = progress < self.config.early_share
        return self.config.early_size if early else self.config.vision.image_size

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses; all chance follows from seed and step number."""
        number = self.step * self.team.size + self.team.rank
        generator = torch.Generator().manual_seed(self.config.seed * 10_000_019 + number)
        self.current_size = self.size(progress)
        batch = self._batch(self.current_size, generator)
        with self.autocast():
            seen = read(self.network.visual, batch.pixels)
            names = self.network.text(batch.names).float()
            captions = self.network.text(batch.captions).float()
        scale = self.network.logit_scale.exp()
        parts = self.objective(seen, names, captions, batch.labels, scale)
        torch.stack(list(parts.values())).sum().backward()
        self.team.average(parameter.grad for parameter in self.parameters)
        self.optimizer.step(self.rate(progress))
        with torch.no_grad():
            self.network.logit_scale.clamp_(0, LARGEST_SCALE)
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in parts.items()}

    def autocast(self) -> torch.autocast:
        """Mixed precision where the processor has it."""
        low = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if low else None, enabled=low)

    def _batch(self, size: int, generator: torch.Generator) -> Batch:
        count = self.config.batch
        rows = torch.randint(len(self.pool.images), (count,), generator=generator).tolist()
        images = torch.from_numpy(np.stack([self.pool.images[row] for row in rows]))
        present = torch.from_numpy(self.pool.present[rows])
        which = torch.randint(3, (count,), generator=generator).tolist()
        said = [self.pool.captions[row][k] for row, k in zip(rows, which, strict=True)]
        pixels = recolor(sample(images.to(self.device), size, generator), generator)
        judged = torch.ones_like(present)
        whole = torch.ones(count, dtype=torch.bool)
        if self.proposals is not None:
            pixels, present, judged, whole = self._prompt(pixels, present, said, generator)
        asked = draw_vocabulary(present, generator)
        move = self.device
        labels = Labels(present.to(move), asked.to(move), judged.to(move), whole.to(move))
        captions = self.tokenizer(said)
        names = self.table.draw(generator)
        return Batch(normalize(pixels), labels, captions.to(move), names.to(move))

    def _prompt(
        self, pixels: Tensor, present: Tensor, said: list[str], generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Prompt the first part of the batch; there, only the sought name counts as present."""
        assert self.proposals is not None
        count = round(self.config.prompted * len(pixels))
        odds = present[:count].float() + 1e-9
        odds[:, self.pool.thing_count :] *= 0.3  # things are sought more often than stuff
        sought = torch.multinomial(odds, 1, generator=generator)[:, 0]
        with self.autocast(), torch.no_grad():
            names = self.proposals.text(self.table.ids[0, sought].to(self.device)).float()
            where = find_regions(self.proposals, normalize(pixels[:count]), names, generator)
        lit = spotlight(pixels[:count], where, generator)
        only = F.one_hot(sought, present.shape[1]).bool()
        judged = torch.ones_like(present)
        judged[:count] = ~present[:count] | only
        things = self.pool.thing_count
        judged[:count, :things] |= sought[:, None] < things  # other things are wrong answers
        for row, column in enumerate(sought.tolist()):
            said[row] = f"a photo of a {self.pool.names[column]}."
        whole = torch.arange(len(pixels)) >= count
        labelled = torch.cat([only, present[count:]])
        return torch.cat([lit, pixels[count:]]), labelled, judged, whole

    def state_dict(self) -> dict[str, Any]:
        """All that resuming needs; chance needs nothing, it follows from the step number."""
        return {
            "config": asdict(self.config),
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interruption leaves the old one."""
        partial = path.with_suffix(".partial")
        torch.save(self.state_dict(), partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]


def draw_vocabulary(present: Tensor, generator: torch.Generator) -> Tensor:
    """Names to ask of each picture: some or all of the absent, most of the present ones."""
    share = torch.empty(len(present), 1).uniform_(0.05, 1.3, generator=generator)
    share = torch.where(present, torch.tensor(0.85), share)
    asked = torch.rand(present.shape, generator=generator) < share
    return asked | ~asked.any(dim=1, keepdim=True)


def train(trainer: Trainer, plan: Plan, folder: Path, watch: Any = None) -> None:
    """Train to the end of a plan, logging a curve and leaving checkpoints.

    Args:
        trainer: new or resumed.
        plan: counts what was done before too.
        folder: gets `curve.jsonl` and `checkpoint.pt`.
        watch: function of the trainer giving a dict of measures for the curve, or None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic() - trainer.seconds
    label, team = f"training {trainer.config.tower}", trainer.team
    bar = tqdm(total=1000, desc=label, unit="permille", disable=not team.leads)
    while (done := team.agree(plan.progress(trainer.step, trainer.seconds))) < 1:
        losses = trainer.advance(done)
        trainer.seconds = time.monotonic() - began
        bar.n = round(1000 * done)
        bar.set_postfix(step=trainer.step, loss=round(sum(losses.values()), 3))
        if team.leads and trainer.step % trainer.config.checkpoint_every == 0:
            trainer.save(folder / "checkpoint.pt")
            _log(folder, trainer, losses, watch)
    if team.leads:
        trainer.save(folder / "checkpoint.pt")
    bar.close()


def _log(folder: Path, trainer: Trainer, losses: dict[str, float], watch: Any) -> None:
    measures = watch(trainer) if watch else {}
    row = {"step": trainer.step, "seconds": round(trainer.seconds, 1)} | losses | measures
    row["scale"] = round(float(trainer.network.logit_scale.detach().exp()), 2)
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as curve:
        curve.write(json.dumps(row) + "\n")
