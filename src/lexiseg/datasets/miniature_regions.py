"""Miniworld as an evaluation set of everything in a scene: things and stuff."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.miniature import (
    LabeledScenes,
    MiniworldScenes,
    SceneTruth,
    find_annotations,
    open_miniworld,
)
from lexiseg.datasets.sample import IGNORE, LabelMap, SemanticSample


@dataclass(frozen=True)
class MiniworldRegions(LabeledScenes):
    """Scenes of which every pixel has a class; things too hidden to be named are ignored."""

    name: str = "miniworld-regions"
    task: Literal["semantic"] = "semantic"
    counts_background: bool = False
    asks_per_image: bool = False
    has_void: bool = True

    @cached_property
    def classes(self) -> ClassList:
        """Everything in Miniworld; label k of a scene is class k."""
        names = tuple(self.source.names)
        stuff = frozenset(names) - frozenset(self.source.things)
        return ClassList("miniworld things and stuff", names, names, stuff)

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
