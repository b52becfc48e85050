"""Miniworld as an evaluation set of everything in a scene: things and stuff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.miniature import (
    DrawnScenes,
    MiniworldScenes,
    SceneTruth,
    WrittenScenes,
    find_annotations,
    open_miniworld,
)
from lexiseg.datasets.sample import IGNORE, LabelMap, SemanticSample, Task


@dataclass(frozen=True)
class MiniworldRegions(Sequence[SemanticSample]):
    """Scenes of which every pixel has a class; things too hidden to be named are ignored.

    Args:
        source: drawn or written scenes.
    """

    source: DrawnScenes | WrittenScenes
    name: str = "miniworld-regions"
    task: Task = "semantic"
    counts_background: bool = False

    @property
    def split(self) -> str:
        """Which scenes."""
        return self.source.split

    @cached_property
    def classes(self) -> ClassList:
        """Everything in Miniworld; label k of a scene is class k."""
        names = tuple(self.source.names)
        stuff = frozenset(names) - frozenset(self.source.things)
        return ClassList("miniworld things and stuff", names, names, stuff)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """One per scene."""
        return self.source.ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> SemanticSample:  # type: ignore[override]
        scene = self.source[index]
        return SemanticSample(self.ids[index], scene.image, self._truth(scene))

    def _truth(self, scene: SceneTruth) -> LabelMap:
        table = np.arange(len(self.classes) + 1, dtype=np.uint16)
        for name in set(self.source.things) - set(scene.present):
            table[self.classes.number[name]] = IGNORE
        truth: LabelMap = table[scene.semantic]
        return truth


def open_miniworld_regions(
    data: Path | None = None, *, split: str = "test", scenes: int = 200, seed: int = 0
) -> MiniworldRegions:
    """Things and stuff of Miniworld; arguments and errors as of `open_miniworld`."""
    if data is not None:
        find_annotations("miniworld-regions", Path(data), split)
    opened: MiniworldScenes = open_miniworld(data, split=split, scenes=scenes, seed=seed)
    return MiniworldRegions(opened.source)
