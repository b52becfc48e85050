"""Decoders that are trained for the replication: under policy B, on few pictures or many.

All of them begin with the bundled decoders. Those on up to a thousand pictures learn for the same
number of steps; those on more for as many as it takes to see each once. Beside either stand
decoders that learned policy A for as long. In the paper they begin without COCO, for which there is
no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lexiseg.training.engine.session import CHECKPOINT, Budget
from lexiseg.training.mini.fc_clip.learner import FcClipTraining
from lexiseg.training.mini.fc_clip.recipe import FcClipRecipe

STEPS, LONG = 100, 375  # 800 and 3,000 pictures pass by
RATE = 3e-4  # of decoders that are trained already
CLIP, START = "mini-convnext-clip", "mini-fc-clip"


@dataclass(frozen=True)
class Lesson:
    """What decoders learn from.

    Args:
        key: name of their folder.
        policy: of the labels.
        pictures: how many different ones.
        steps: how long.
    """

    key: str
    policy: str
    pictures: int
    steps: int = STEPS


@dataclass(frozen=True)
class School:
    """Where lessons are given.

    Args:
        folder: for each lesson a folder.
        most: steps, where lessons are to be cut short.
        device: "auto" or a torch device.
    """

    folder: Path
    most: int = LONG
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
        place, budget = self.folder / lesson.key, Budget(min(lesson.steps, self.most))
        return FcClipRecipe(place, budget, CLIP, training, START, True, self.device)
