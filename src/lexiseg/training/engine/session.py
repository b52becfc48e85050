"""What every training has: a budget, settings, checkpoints that resume exactly, and a curve."""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from lexiseg.errors import UsageError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.device import choose_dtype
from lexiseg.training.engine.memory import keep_freed_memory
from lexiseg.training.engine.process_group import ProcessGroup

ALONE = ProcessGroup()
CHECKPOINT, CURVE = "checkpoint.pt", "curve.jsonl"
RECORD = "training.json"  # left beside the weights
SEED_STRIDE = 10_000_019  # steps that one seed has for itself


@dataclass(frozen=True)
class Budget:
    """How long to train in all, earlier sessions included: by steps or by minutes."""

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Share of it that is done, 0..1."""
        if self.steps is not None:
            return min(1.0, step / max(1, self.steps))
        return min(1.0, seconds / max(1e-9, 60 * (self.minutes or 0)))


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of any training; each network adds its own."""

    seed: int = 0
    batch: int = 64  # examples per step and process
    rate: float = 3e-3  # learning rate at its highest
    warmup: int = 30  # steps
    checkpoint_every: int = 200  # steps


class Stateful(Protocol):
    """What a checkpoint can hold: modules and optimizers."""

    def state_dict(self) -> dict[str, Any]:
        """Everything a later `load_state_dict` needs."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Continue from a saved state."""


class Learner(ABC):
    """A network in training; all chance follows from the seed and the number of the step.

    Args:
        config: its settings.
        drawn: how many different scenes or texts it can learn from.
        device: where to train.
        group: processes that train together; each has its own examples.
    """

    label: str  # for people

    def __init__(
        self, config: TrainingConfig, drawn: int, device: torch.device | str, group: ProcessGroup
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.drawn, self.group = config, drawn, group
        self.device = torch.device(device)
        self.dtype = choose_dtype("auto", self.device)
        self.step, self.seconds = 0, 0.0
        self.sessions: list[dict[str, Any]] = [self._session()]

    @abstractmethod
    def advance(self, progress: float) -> dict[str, float]:
        """Make one step at a share 0..1 of the budget and return the losses."""

    @abstractmethod
    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""

    def measure(self) -> dict[str, float]:
        """A quick look at held-out examples, for the curve."""
        return {}

    def generator(self) -> torch.Generator:
        """The chance of this step and this process."""
        number = self.step * self.group.size + self.group.rank
        return torch.Generator().manual_seed(self.config.seed * SEED_STRIDE + number)

    def rate(self, progress: float) -> float:
        """Learning rate: linear warm-up, then half a cosine down to a hundredth."""
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        return self.config.rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

    def autocast(self) -> torch.autocast:
        """Mixed precision where the processor has it."""
        low = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if low else None, enabled=low)

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interruption leaves the old one."""
        self._record()
        state = {name: part.state_dict() for name, part in self.parts().items()}
        own = {"step": self.step, "seconds": self.seconds, "sessions": self.sessions}
        partial = path.with_suffix(".partial")
        torch.save({**state, **own, "config": asdict(self.config)}, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]
        self.sessions = [*state["sessions"], self._session()]

    def _session(self) -> dict[str, Any]:
        return {
            "first_step": self.step,
            "last_step": self.step,
            "drawn": self.drawn,
            "seed": self.config.seed,
            "rate": self.config.rate,
            "examples": 0,
            "minutes": 0.0,
            "began": self.seconds,
            "processes": self.group.size,
            "device": self.device.type,
        }

    def _record(self) -> None:
        """Bring the log of this session up to date."""
        session = self.sessions[-1]
        session["last_step"] = self.step
        steps = self.step - session["first_step"]
        session["examples"] = steps * self.config.batch * self.group.size
        session["minutes"] = round((self.seconds - session["began"]) / 60, 2)


def begin(learner: Learner, folder: Path, resume: bool) -> None:
    """Make the folder ready, and continue from its checkpoint if that is wanted.

    Raises:
        UsageError: the folder holds a run that would be overwritten.
    """
    checkpoint = folder / CHECKPOINT
    if checkpoint.is_file() and not resume:
        raise UsageError(f"{checkpoint} exists; continue it with --resume or choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    if checkpoint.is_file():
        learner.resume(checkpoint)


def train(learner: Learner, budget: Budget, folder: Path) -> None:
    """Train to the end of a budget, logging a curve and leaving checkpoints.

    Args:
        learner: new or resumed.
        budget: counts what was done before too.
        folder: gets `curve.jsonl` and `checkpoint.pt`.
    """
    keep_freed_memory()
    began = time.monotonic() - learner.seconds
    group = learner.group
    bar = tqdm(total=1000, desc=learner.label, unit="permille", disable=not group.is_main)
    while (done := group.maximum(budget.progress(learner.step, learner.seconds))) < 1:
        losses = learner.advance(done)
        learner.seconds = time.monotonic() - began
        bar.n = round(1000 * done)
        bar.set_postfix({"step": learner.step, **losses})
        if group.is_main and learner.step % learner.config.checkpoint_every == 0:
            learner.save(folder / CHECKPOINT)
            _log(folder, learner, losses)
    if group.is_main:
        learner.save(folder / CHECKPOINT)
    bar.close()


def _log(folder: Path, learner: Learner, losses: dict[str, float]) -> None:
    row = {"step": learner.step, "seconds": round(learner.seconds, 1)}
    with (folder / CURVE).open("a", encoding="utf-8") as curve:
        curve.write(json.dumps({**row, **losses, **learner.measure()}) + "\n")


def write_half(model: PreTrainedModel, folder: Path) -> None:
    """Write config.json and model.safetensors, in half precision and readable by everyone."""
    model.half().save_pretrained(folder)  # type: ignore[no-untyped-call]
    (folder / "model.safetensors").chmod(0o644)


def write_preprocessor(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write preprocessor_config.json, which says what pictures the network expects."""
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """Records of the sessions that made the weights in a folder."""
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    sessions: list[dict[str, Any]] = record["sessions"]
    return sessions


def bundled_sessions(model: str) -> list[dict[str, Any]]:
    """Records of the sessions that made the weights of a bundled model."""
    return read_sessions(bundled_folder(model))


def write_record(learner: Learner, folder: Path, **settings: Any) -> None:
    """Leave beside the weights how they were made: `settings` and all sessions."""
    record = {**settings, "sessions": learner.sessions}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def session_table(sessions: Sequence[Mapping[str, Any]], drawn: str, examples: str) -> str:
    """The sessions of a record as a table of a model card, and what was noted about them.

    Args:
        sessions: of the record.
        drawn: what was drawn to learn from.
        examples: what a batch consists of.
    """
    heads = ["steps", f"{drawn} (seed)", examples, "minutes", "processes"]
    rated = any("rate" in session for session in sessions)
    prompted = any("prompted" in session for session in sessions)
    heads += ["highest rate"] * rated + ["prompted pictures"] * prompted
    rows = [_row(heads), "|---" * len(heads) + "|"]
    for session in sessions:
        cells = [
            f"{session['first_step']} to {session['last_step']}",
            f"{session['drawn']:,} ({session['seed']})",
            f"{session['examples']:,}",
            f"{session['minutes']:.1f}",
            f"{session['processes']} on {session['device']}",
        ]
        cells += [f"{session['rate']:g}" if "rate" in session else "-"] * rated
        rows.append(_row(cells + ["yes" if session.get("prompted") else "no"] * prompted))
    notes = [session["note"] for session in sessions if session.get("note")]
    return "\n".join([*rows, "", *notes]).rstrip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
