"""The training loop: seeded by step, bounded by steps or minutes, resumable at any checkpoint."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from lexiseg.models.clip import BpeTokenizer, ClipNetwork, TextConfig, VisionConfig
from lexiseg.models.device import choose_dtype
from lexiseg.training.mini.augment import distort, mirror, normalize
from lexiseg.training.mini.objective import WEIGHTS, Labels, Objective
from lexiseg.training.mini.optimizer import Optimizer
from lexiseg.training.mini.pool import Pool
from lexiseg.training.mini.prompts import find_regions, spotlight
from lexiseg.training.mini.session import ALONE, Plan
from lexiseg.training.mini.speech import teach
from lexiseg.training.mini.team import Team
from lexiseg.training.mini.texts import NameTable
from lexiseg.training.mini.towers import read_tokens, thin

LARGEST_SCALE = math.log(100)


@dataclass(frozen=True)
class ClipTraining:
    """Settings of one tower's training.

    The plan has three parts. First words: pictures of one thing, unchanged but for mirroring, asked
    for things only. Then all pictures, still small. Then native size, with half of the patches left
    out, which halves the time and hides parts of things; at the end with all of them.
    """

    tower: str  # "proposal" or "classifier"
    vision: VisionConfig
    text: TextConfig
    seed: int = 0
    batch: int = 64  # per process
    rate: float = 3e-3  # at its highest
    warmup: int = 30  # steps
    first_share: float = 0.25  # of the plan, end of the first words
    early_share: float = 0.6  # of the plan, end of the small pictures
    early_size: int = 128  # pixels per side until then
    thin_share: float = 0.9  # of the plan, end of the native pictures with few tokens
    kept: float = 0.5  # share of the patch tokens that such pictures keep
    teaching: int = 200  # steps on texts alone that fit the text tower to the word vectors
    prompted: float = 0.5  # share of pictures with a visual prompt, if proposals can be asked
    checkpoint_every: int = 200  # steps


@dataclass
class Batch:
    """Pictures and what is asked about them."""

    pixels: Tensor
    labels: Labels
    captions: list[str]
    templates: Tensor  # (W,) the wording of every name


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
        self.table = NameTable(tokenizer, pool.names)
        vectors = 0.07 * torch.randn(len(pool.names), config.vision.embed_dim)
        self.words = torch.nn.Parameter(vectors.to(self.device))
        self.spoken = False  # whether the text tower has taken over from the free vectors
        self.proposals = proposals
        things = torch.from_numpy(pool.present[:, : pool.thing_count]).sum(dim=1)
        self.everything, self.singles = torch.arange(len(things)), torch.nonzero(things == 1)[:, 0]
        self.dtype = choose_dtype("auto", self.device)
        whole = torch.nn.ModuleDict({"network": self.network, "objective": self.objective})
        whole.register_parameter("words", self.words)
        self.parameters = list(whole.parameters())
        self.optimizer = Optimizer(whole, dtype=self.dtype)
        self.step, self.seconds = 0, 0.0
        self.current_size = self.size(0.0)
        self.sessions: list[dict[str, Any]] = [self._session()]

    def inherit(self, network: ClipNetwork) -> None:
        """Begin with the weights of a trained pair, whose position table is resized."""
        state = network.state_dict()
        key, native = "visual.positional_embedding", network.visual.config.grid
        side = self.config.vision.grid
        state[key] = network.visual.position.resize(state[key], native, (side, side))
        self.network.load_state_dict(state)
        self.spoken = True

    def rate(self, progress: float) -> float:
        """Learning rate: linear warm-up, then half a cosine down to a hundredth."""
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        return self.config.rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

    def size(self, progress: float) -> int:
        """Picture size: small first, native later."""
        early = progress < self.config.early_share
        return self.config.early_size if early else self.config.vision.image_size

    def kept(self, progress: float) -> float:
        """Share of patch tokens: all of small pictures and, at the end, of native ones."""
        config = self.config
        return config.kept if config.early_share <= progress < config.thin_share else 1.0

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses; all chance follows from seed and step number."""
        number = self.step * self.team.size + self.team.rank
        generator = torch.Generator().manual_seed(self.config.seed * 10_000_019 + number)
        self.current_size = self.size(progress)
        if not self.spoken and progress >= self.config.early_share:
            config = self.config
            teach(self.network.text, self.table, self.words, config.teaching, config.seed)
            self.spoken = True
        batch = self._batch(progress, generator)
        with self.autocast():
            tokens = self.network.visual.embed(batch.pixels)
            if (share := self.kept(progress)) < 1:
                tokens = thin(tokens, share, generator)
            seen = read_tokens(self.network.visual, tokens)
            names, captions = self._texts(batch)
        scale = self.network.logit_scale.exp()
        parts = self.objective(seen, names, captions, batch.labels, scale)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        self.team.average(parameter.grad for parameter in self.parameters)
        self.optimizer.step(self.rate(progress))
        with torch.no_grad():
            self.network.logit_scale.clamp_(0, LARGEST_SCALE)
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in parts.items()}

    def _texts(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Features of all names, and of the captions once the text tower takes part.

        A text tower that is trained from the beginning gives one and the same feature to all
        things that cannot be told apart yet, and stays there; free vectors find their ways.
        """
        if not self.spoken:
            return self.words, None
        text = self.network.text
        names = text(self.table.pick(batch.templates).to(self.device)).float()
        return names, text(self.tokenizer(batch.captions).to(self.device)).float()

    def autocast(self) -> torch.autocast:
        """Mixed precision where the processor has it."""
        low = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if low else None, enabled=low)

    def _batch(self, progress: float, generator: torch.Generator) -> Batch:
        count, first = self.config.batch, progress < self.config.first_share
        choice = self.singles if first else self.everything
        rows = choice[torch.randint(len(choice), (count,), generator=generator)].tolist()
        images = torch.from_numpy(np.stack([self.pool.images[row] for row in rows]))
        present = torch.from_numpy(self.pool.present[rows])
        which = torch.randint(3, (count,), generator=generator).tolist()
        said = [self.pool.captions[row][k] for row, k in zip(rows, which, strict=True)]
        change = mirror if first else distort
        pixels = change(images.to(self.device), self.current_size, generator)
        judged = torch.ones_like(present)
        whole = torch.ones(count, dtype=torch.bool)
        if first:
            judged[:, self.pool.thing_count :] = False
        elif self.proposals is not None:
            pixels, present, judged, whole = self._prompt(pixels, present, said, generator)
        asked = judged if first else draw_vocabulary(present, generator)
        move = self.device
        labels = Labels(present.to(move), asked.to(move), judged.to(move), whole.to(move))
        return Batch(normalize(pixels), labels, said, self.table.draw(generator))

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

    def _session(self) -> dict[str, Any]:
        return {
            "first_step": self.step,
            "last_step": self.step,
            "scenes": len(self.pool.images),
            "seed": self.config.seed,
            "pictures": 0,
            "minutes": 0.0,
            "began": self.seconds,
            "processes": self.team.size,
            "device": self.device.type,
            "prompted": self.proposals is not None,
        }

    def _record(self) -> None:
        """Bring the log of this session up to date."""
        session = self.sessions[-1]
        steps = self.step - session["first_step"]
        session["last_step"] = self.step
        session["pictures"] = steps * self.config.batch * self.team.size
        session["minutes"] = round((self.seconds - session["began"]) / 60, 2)

    def state_dict(self) -> dict[str, Any]:
        """All that resuming needs; chance needs nothing, it follows from the step number."""
        return {
            "config": asdict(self.config),
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "words": self.words.detach(),
            "spoken": self.spoken,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "sessions": self.sessions,
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interruption leaves the old one."""
        self._record()
        partial = path.with_suffix(".partial")
        torch.save(self.state_dict(), partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.words.data.copy_(state["words"])
        self.spoken = state["spoken"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.sessions = [*state["sessions"], self._session()]


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
