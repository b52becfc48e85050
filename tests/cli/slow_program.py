"""The command line with a method that answers one picture, then waits for the file GATE."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import torch

from lexiseg import cli
from lexiseg.methods.base import Answer, BaseMethod, BaseScene
from lexiseg.registry import METHODS
from lexiseg.types import Instance, Mask, Presence


@dataclass(frozen=True)
class Settings:
    pass


class Slow(BaseMethod):
    name = "slow"
    scene_type = BaseScene
    networks: ClassVar = {
        "eye": SimpleNamespace(name="eye", device=torch.device("cpu"), dtype=torch.float32)
    }

    @classmethod
    def load(cls, preset="paper", device="auto", dtype="auto", **options):
        return cls(Settings())

    answered = 0

    def _encode(self, image, watch):
        return BaseScene(image)

    def _segment(self, scene, vocabulary, watch):
        gate = os.environ.get("GATE")
        if gate and self.answered:
            Path(f"{gate}.by.{os.getpid()}").touch()
            Path(f"{gate}.reached").touch()
            while not Path(gate).exists():
                time.sleep(0.02)
        self.answered += 1
        item = Instance("red", 1.0, Mask.from_array(scene.image[..., 0] > 99))
        return Answer([item], [Presence("red", 1.0, True, "seen")])


METHODS.register("slow")(Slow)  # in processes that a run starts, too
if os.environ.get("MOST_BYTES"):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = int(os.environ["MOST_BYTES"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
if __name__ == "__main__":
    cli.main()
