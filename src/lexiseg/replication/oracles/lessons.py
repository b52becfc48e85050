"""Decoders that are trained for the replication: under policy B, on few pictures or many.

All of them begin with the bundled decoders and learn for the same number of steps, so that they can
be compared with each other. In the paper they begin without COCO, for which there is no time here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lexiseg.training.engine.session import CHECKPOINT, Budget
from lexiseg.training.mini.fc_clip.learner import FcClipTraining
from lexiseg.training.mini.fc_clip.recipe import FcClipRecipe

STEPS = 100
RATE = 3e-4  # of decoders that are trained already
CLIP, START = "mini-convnext-clip", "mini-fc-clip"


@dataclass(frozen=True)
class Lesson:
    """What decoders learn from.

    Args:
        key: name of their folder.
        policy: of the labels.
        pictures: how many different ones.
    """

    key: str
    policy: str
    pictures: int


@dataclass(frozen=True)
class School:
    """Where lessons are given.

    Args:
        folder: for each lesson a folder.
        steps: of each.
        device: "auto" or a torch device.
    """

    folder: Path
    steps: int = STEPS
    device: str = "auto"

    def teach(self, lessons: Sequence[Lesson]) -> None:
        """Train what does not lie in the folder yet; an interrupted lesson goes on."""
        for lesson in dict.fromkeys(lessons):
            if not (self.weights(lesson) / "training.json").is_file():
                self._recipe(lesson).run()
                (self.weights(lesson).parent / CHECKPOINT).unlink()

    def weights(self, lesson: Lesson) -> Path:
        """Folder of the trained decoders."""
        return self.folder / lesson.key / "fcclip" / "weights"

    def _recipe(self, lesson: Lesson) -> FcClipRecipe:
        training = FcClipTraining(rate=RATE, policy=lesson.policy, scenes=lesson.pictures)
        place, budget = self.folder / lesson.key, Budget(self.steps)
        return FcClipRecipe(place, budget, CLIP, training, START, True, self.device)
