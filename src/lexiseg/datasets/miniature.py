"""Miniworld as an evaluation set: every scene is asked about things that are and are not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.miniworld import Miniworld, Scene
from lexiseg.datasets.sample import IGNORE, LabelMap, SemanticSample, Task
from lexiseg.errors import UsageError


@dataclass(frozen=True)
class MiniworldScenes(Sequence[SemanticSample]):
    """Scenes drawn when indexed, each asked about its visible things and absent ones.

    Stuff is background, as in Pascal VOC. Things too small or too hidden to be named are ignored.

    Args:
        world: where the scenes come from.
        scenes: number of scenes.
        asked: names asked per scene.
    """

    world: Miniworld
    scenes: int = 200
    asked: int = 20
    name: str = "miniworld"
    task: Task = "semantic"
    counts_background: bool = True
    asks_per_image: bool = True

    @property
    def split(self) -> str:
        """Split, seed and picture size of the world."""
        return f"{self.world.split} (seed {self.world.seed}, {self.world.size} px)"

    @cached_property
    def classes(self) -> ClassList:
        """The things of Miniworld."""
        names = self.world.thing_names
        return ClassList("miniworld things", names, names)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Scene numbers."""
        return tuple(f"{number:06d}" for number in range(self.scenes))

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> SemanticSample:  # type: ignore[override]
        scene = self.world[index]
        present = {item.name for item in scene.objects if item.visible}
        things = set(self.classes.names)
        absent = [name for name in scene.absent(len(self.world.names)) if name in things]
        asked = sorted(present) + absent[: max(0, self.asked - len(present))]
        numbers = sorted(self.classes.number[name] - 1 for name in asked)
        return SemanticSample(
            self.ids[index], scene.image, self._truth(scene, present), tuple(numbers)
        )

    def _truth(self, scene: Scene, present: set[str]) -> LabelMap:
        """Label map of the things; stuff is 0 and what cannot be named is ignored."""
        table = np.zeros(len(self.world.names) + 1, dtype=np.uint16)
        for number, name in enumerate(self.world.names, start=1):
            if name in self.classes.number:
                table[number] = self.classes.number[name] if name in present else IGNORE
        return table[scene.semantic]


def open_miniworld(
    data: Path | None = None,
    *,
    split: str = "test",
    wording: str = "plain",
    scenes: int = 200,
    seed: int = 0,
) -> MiniworldScenes:
    """Scenes of Miniworld, drawn on the fly at 224 pixels.

    Args:
        data: must be None; nothing is read from disk.
        split: "train", "val" or "test".
        wording: "plain".
        scenes: number of scenes.
        seed: of the scenes.

    Raises:
        UsageError: a folder was given, or there is no such split.
    """
    if data is not None:
        raise UsageError("Data set 'miniworld' is drawn, not read; leave --data away.")
    return MiniworldScenes(Miniworld(split=split, size=224, seed=seed), scenes)
