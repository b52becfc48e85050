"""A network in training, whatever it learns: settings, steps, and a state that resumes exactly."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, cast

import torch

from lexiseg.errors import UsageError
from lexiseg.models.device import choose_dtype
from lexiseg.training.engine.process_group import ProcessGroup

SEED_STRIDE = 10_000_019  # steps that one seed has for itself


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

    def state_dict(self) -> dict[str, object]:
        """Everything a later `load_state_dict` needs."""

    def load_state_dict(self, state: dict[str, object], /) -> object:
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
        self.sessions: list[dict[str, object]] = [self._session()]

    @abstractmethod
    def advance(self, progress: float) -> dict[str, float]:
        """Make one step at a share 0..1 of the budget and return the losses."""

    @abstractmethod
    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""

    def measure(self) -> dict[str, float]:
        """A quick look at held-out examples, for the curve."""
        return {}

    def logged(self, folder: Path) -> None:
        """Called after a row of the curve in a folder was written."""
        return

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
        """Continue from a checkpoint.

        Raises:
            UsageError: it was left by another network or version.
        """
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            for name, part in self.parts().items():
                part.load_state_dict(state[name])
        except (KeyError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"{path} is the checkpoint of another network or another version of lexiseg; "
                "begin again in another folder."
            ) from error
        self.step, self.seconds = state["step"], state["seconds"]
        self.sessions = [*state["sessions"], self._session()]

    def _session(self) -> dict[str, object]:
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
        steps = self.step - cast(int, session["first_step"])
        session["examples"] = steps * self.config.batch * self.group.size
        session["minutes"] = round((self.seconds - cast(float, session["began"])) / 60, 2)
