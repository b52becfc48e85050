"""One training from its beginning, or its last checkpoint, to the end of a budget, with a curve."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lexiseg.errors import UsageError
from lexiseg.training.engine.learner import Learner
from lexiseg.training.engine.memory import keep_freed_memory

CHECKPOINT, CURVE = "checkpoint.pt", "curve.jsonl"


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
