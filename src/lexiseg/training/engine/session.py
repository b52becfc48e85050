"""One training from its beginning, or its last checkpoint, to the end of a budget, with a curve."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from lexiseg.errors import UsageError
from lexiseg.training.engine.learner import Learner
from lexiseg.training.engine.memory import keep_freed_memory

CHECKPOINT, CURVE = "checkpoint.pt", "curve.jsonl"
LearnerT = TypeVar("LearnerT", bound=Learner)


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
        if learner.group.is_main:
            _forget_after(learner.step, folder / CURVE)


def train(learner: Learner, budget: Budget, folder: Path, *, quiet: bool = False) -> None:
    """Train to the end of a budget, logging a curve and leaving checkpoints.

    Args:
        learner: new or resumed.
        budget: counts what was done before too.
        folder: gets `curve.jsonl` and `checkpoint.pt`.
        quiet: no progress bar.
    """
    keep_freed_memory()
    began = time.monotonic() - learner.seconds
    group = learner.group
    silent, losses = quiet or not group.is_main, dict[str, float]()
    bar = tqdm(total=1000, desc=learner.label, unit="permille", disable=silent)
    while (done := group.maximum(budget.progress(learner.step, learner.seconds))) < 1:
        losses = learner.advance(done)
        learner.seconds = time.monotonic() - began
        bar.n = round(1000 * done)
        bar.set_postfix({"step": learner.step, **losses}, refresh=False)
        bar.refresh()
        if group.is_main and learner.step % learner.config.checkpoint_every == 0:
            _log(folder, learner, losses)
            learner.save(folder / CHECKPOINT)
    if group.is_main:
        if losses and learner.step % learner.config.checkpoint_every:
            _log(folder, learner, losses)
        learner.save(folder / CHECKPOINT)
    bar.close()


def train_and_export(
    learner: LearnerT,
    budget: Budget,
    folder: Path,
    resume: bool,
    export: Callable[[LearnerT, Path], object],
) -> Path:
    """Train in a folder to the end of a budget, and write the weights beside the checkpoint.

    Args:
        learner: new.
        budget: as of `train`.
        folder: as of `train`.
        resume: continue from the folder's checkpoint.
        export: writes what was learnt into a folder; of several processes, one writes.

    Returns:
        Folder of the weights.

    Raises:
        UsageError: as of `begin`.
    """
    begin(learner, folder, resume)
    train(learner, budget, folder)
    weights = folder / "weights"
    with learner.group.main_first():
        if learner.group.is_main:
            export(learner, weights)
    return weights


def _log(folder: Path, learner: Learner, losses: dict[str, float]) -> None:
    row = {"step": learner.step, "seconds": round(learner.seconds, 1)}
    figures = learner.measure()
    with (folder / CURVE).open("a", encoding="utf-8") as curve:
        curve.write(json.dumps({**row, **losses, **figures}) + "\n")
    learner.logged(folder)


def _forget_after(step: int, curve: Path) -> None:
    """Leave out of a curve the steps that are going to be made again."""
    if curve.is_file():
        lines = curve.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        curve.write_text("".join(kept), encoding="utf-8")
