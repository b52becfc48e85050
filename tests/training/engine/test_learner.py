"""Any network can be trained: one of a single layer, with groups of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lexiseg.errors import UsageError
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import Optimizer
from lexiseg.training.engine.process_group import ALONE
from lexiseg.training.engine.session import CHECKPOINT, CURVE, Budget, begin, train


class LineLearner(Learner):
    """Fits a line; bias and slope are in groups of their own, and dropout draws chance."""

    label = "training a line"

    def __init__(self, config: TrainingConfig, width: int = 1) -> None:
        super().__init__(config, 100, "cpu", ALONE)
        self.line = nn.Linear(width, 1)
        groups = [{"params": [self.line.weight]}, {"params": [self.line.bias], "momentum": 0.9}]
        self.optimizer = Optimizer(torch.optim.SGD(groups, lr=0.1))

    def parts(self) -> dict[str, Stateful]:
        return {"line": self.line, "optimizer": self.optimizer}

    def advance(self, progress: float) -> dict[str, float]:
        x = torch.randn(self.config.batch, 1, generator=self.generator())
        loss = (self.line(x) - 3 * x - 1).square().mean()
        loss.backward()
        self.group.average(parameter.grad for parameter in self.line.parameters())
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {"loss": loss.item()}


CONFIG = TrainingConfig(batch=8, rate=0.1, warmup=2, checkpoint_every=2)


def test_an_interrupted_training_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    whole = LineLearner(CONFIG)
    begin(whole, tmp_path / "whole", resume=False)
    train(whole, Budget(steps=8), tmp_path / "whole")

    class Interrupted(LineLearner):
        def advance(self, progress: float) -> dict[str, float]:
            if self.step == 5:
                raise KeyboardInterrupt
            return super().advance(progress)

    first = Interrupted(CONFIG)
    begin(first, tmp_path / "parts", resume=False)
    with pytest.raises(KeyboardInterrupt):
        train(first, Budget(steps=8), tmp_path / "parts")
    later = LineLearner(CONFIG)
    begin(later, tmp_path / "parts", resume=True)
    assert later.step == 4  # the last checkpoint
    train(later, Budget(steps=8), tmp_path / "parts")
    assert torch.equal(whole.line.weight, later.line.weight)
    assert torch.equal(whole.line.bias, later.line.bias)
    assert [session["first_step"] for session in later.sessions] == [0, 4]
    assert (tmp_path / "whole" / CURVE).read_text().count("\n") == 4


def test_it_learns() -> None:
    learner = LineLearner(TrainingConfig(batch=64, rate=0.1, warmup=1))
    losses = [learner.advance(0.0)["loss"] for _ in range(60)]
    assert losses[-1] < 0.01 < losses[0]


def test_a_checkpoint_of_another_network_is_one_sentence(tmp_path: Path) -> None:
    LineLearner(CONFIG).save(tmp_path / CHECKPOINT)
    with pytest.raises(UsageError, match="another network") as caught:
        begin(LineLearner(CONFIG, width=3), tmp_path, resume=True)
    assert "\n" not in str(caught.value)


def test_no_run_is_overwritten(tmp_path: Path) -> None:
    LineLearner(CONFIG).save(tmp_path / CHECKPOINT)
    with pytest.raises(UsageError, match="--resume"):
        begin(LineLearner(CONFIG), tmp_path, resume=False)
