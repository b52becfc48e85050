"""Miniworld as an evaluation set of segments: every object, and every kind of stuff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.coco_panoptic import open_coco_panoptic
from lexiseg.datasets.miniature import SIDE, find_annotations, scene_numbers
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.scene import WorldScene
from lexiseg.datasets.miniworld.taxonomy import Taxonomy, load_taxonomy
from lexiseg.datasets.panoptic_tables import PanopticTables
from lexiseg.datasets.sample import PanopticSample, TrueSegment

_FIRST_STUFF = 1000  # number of the segment of the first class that is stuff; objects lie below


@dataclass(frozen=True)
class MiniworldSegments(Sequence[PanopticSample]):
    """Scenes drawn when indexed; objects too small or too hidden to be named are void.

    Args:
        world: which world.
        scenes: number of scenes.
        half_absent: ask for what is visible and for as many absent names, rather than for all.
        policy: whose labels: "A", the names that the bundled weights know, or "B", finer, coarser
            and other ones; see `lexiseg.datasets.miniworld.taxonomy`.
    """

    world: Miniworld
    scenes: int
    half_absent: bool = False
    name: str = "miniworld-panoptic"
    task: Literal["panoptic"] = "panoptic"
    most_asked: int | None = 20
    policy: str = "A"

    @property
    def split(self) -> str:
        """What fixes the scenes."""
        return f"{self.world.split} (seed {self.world.seed}, {self.world.size} px)"

    @property
    def asks_per_image(self) -> bool:
        """Whether names differ from scene to scene."""
        return self.half_absent

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The names of objects and stuff.

        Raises:
            UnknownNameError: there is no such policy.
        """
        return load_taxonomy(self.policy)

    @cached_property
    def classes(self) -> ClassList:
        """Everything that has a name; label k of a map is class k - 1."""
        stuff = frozenset(self.taxonomy.of_stuff.values())
        title = "miniworld things and stuff"
        whole = title if self.policy == "A" else f"{title}, policy {self.policy}"
        return ClassList(whole, self.taxonomy.names, self.taxonomy.names, stuff)

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Labels as in the files of ``lexiseg miniworld``."""
        return tuple(range(1, len(self.classes) + 1))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Scene numbers."""
        return scene_numbers(self.scenes)

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> PanopticSample:  # type: ignore[override]
        scene = self.world[index]
        numbers = self._numbers(scene)
        present, areas = np.unique(numbers[numbers > 0], return_counts=True)
        class_of = {number: self.classes.number[name] - 1 for number, name in self._named(scene)}
        segments = tuple(
            TrueSegment(
                int(number), class_of.get(int(number), int(number) - _FIRST_STUFF), float(area)
            )
            for number, area in zip(present, areas, strict=True)
        )
        asked = self._asked(scene, segments) if self.half_absent else None
        return PanopticSample(self.ids[index], index, scene.image, numbers, segments, asked)

    def _named(self, scene: WorldScene) -> list[tuple[int, str]]:
        """Numbers and names of the objects that can be named."""
        names = ((item, self.taxonomy.of_cell.get(item.cell)) for item in scene.objects)
        return [(item.instance_id, name) for item, name in names if item.visible and name]

    def _numbers(self, scene: WorldScene) -> NDArray[np.uint32]:
        """An object's own number, `_FIRST_STUFF` and the class index of stuff, 0 for the rest."""
        known = np.zeros(int(scene.instances.max(initial=0)) + 1, dtype=np.uint32)
        for number, _ in self._named(scene):
            known[number] = number
        labels = self.taxonomy.semantic(scene).astype(np.uint32)
        stuff = np.where(labels > 0, labels - 1 + _FIRST_STUFF, 0)
        numbers: NDArray[np.uint32] = np.where(
            scene.instances > 0, known[scene.instances], stuff
        ).astype(np.uint32)
        return numbers

    def _asked(self, scene: WorldScene, segments: Sequence[TrueSegment]) -> tuple[int, ...]:
        present = {item.class_index for item in segments}
        others = (self.classes.number.get(n, 0) - 1 for n in scene.absent(len(self.classes)))
        absent = [number for number in others if number >= 0 and number not in present]
        return tuple(sorted({*present, *absent[: max(len(present), 1)]}))


def open_miniworld_panoptic(
    data: Path | None = None, *, split: str = "test", scenes: int = 200, seed: int = 0
) -> MiniworldSegments | PanopticTables:
    """Segments of Miniworld, every name of which is asked for in every scene.

    Args:
        data: a folder that ``lexiseg miniworld`` wrote; None draws the scenes, at 224 pixels.
        split: "train", "val" or "test".
        scenes: number of scenes to draw.
        seed: of the scenes to draw.

    Raises:
        DatasetError: the folder holds no such split.
        UsageError: there is no such split.
    """
    if data is not None:
        find_annotations("miniworld-panoptic", Path(data), split)
        return replace(open_coco_panoptic(Path(data), split=split), name="miniworld-panoptic")
    return MiniworldSegments(Miniworld(split=split, size=SIDE, seed=seed), scenes)
