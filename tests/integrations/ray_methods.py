"""Methods that Ray's actors load in the tests: of a module, and so known to other processes."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lexiseg.errors import WeightsNotFoundError
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Vocabulary,
)


class Killed(BaseException):
    """Stands for the end of a process where there is none to end."""


@dataclass(frozen=True)
class Bright:
    """Finds bright pixels; what else it does says its options.

    Args:
        gate: a file; after three answers an actor says beside it that it waits for it, and does.
        kills: how black pictures end the process, "at once" or "softly"; not at all by default.
        depth: a setting.
    """

    gate: str = ""
    kills: str = ""
    depth: int = 8

    def load(self) -> Loaded:
        return Loaded(self)


class Loaded:
    name, task, verbs, takes_stuff = "bright", "semantic", ("segment", "refer", "label"), False

    def __init__(self, how: Bright) -> None:
        self.how = how
        self.answered = 0

    def recipe(self) -> Recipe:
        return Recipe("bright", "mini", {"depth": self.how.depth})

    def segment(self, pixels, names) -> Result:
        if self.how.kills and pixels.max() == 0:
            if self.how.kills == "softly":
                raise Killed
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how.gate and self.answered > 2 and not Path(self.how.gate).exists():
            Path(f"{self.how.gate}.by.{os.getpid()}").touch()
            while not Path(self.how.gate).exists():
                time.sleep(0.05)
        self.answered += 1
        asked = Vocabulary.parse(names).names
        size = pixels.shape[:2]
        mask = Mask.from_array(np.asarray(pixels[..., 0] > 99))
        items = tuple(Instance(name, 0.5, mask) for name in asked)
        verdicts = PresenceTrace([Presence(name, 0.5, True, "seen") for name in asked])
        recipe = replace(self.recipe(), timing_ms={"total": 1.0})
        return Result(size, asked, Instances(items, size), verdicts, recipe, None, pixels)

    refer = segment

    def label(self, pixels) -> Result:
        return self.segment(pixels, ["thing"])


@dataclass(frozen=True)
class Absent:
    """Has no weights."""

    def load(self) -> Loaded:
        raise WeightsNotFoundError("There are no weights; fetch them.")
