"""Miniworld as an evaluation set of single objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from lexiseg.datasets.annotation import Row
from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.coco_instances import InstanceTables, open_coco
from lexiseg.datasets.miniature import SIDE, find_annotations, scene_numbers
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.scene import VISIBLE_AREA, VISIBLE_FRACTION, WorldScene
from lexiseg.datasets.sample import InstanceSample, TrueObject
from lexiseg.types import Mask, Number


@dataclass(frozen=True)
class MiniworldObjects(Sequence[InstanceSample]):
    """Scenes drawn when indexed; objects too small or too hidden to be named are not judged.

    Args:
        world: which world.
        scenes: number of scenes.
        half_absent: ask for what is visible and for as many absent things, rather than for all
            things of the world.
    """

    world: Miniworld
    scenes: int
    half_absent: bool = False
    name: str = "miniworld"
    task: Literal["instances"] = "instances"
    federated: bool = False
    frequencies: tuple[str, ...] = ()

    @property
    def split(self) -> str:
        """What fixes the scenes."""
        world = self.world
        low, high = world.things
        scenes = f"seed {world.seed}, {world.size} px, {low} to {high} things"
        return f"{world.split} ({scenes}, {world.neighbors:.0%} beside one of their kind)"

    @property
    def asks_per_image(self) -> bool:
        """Whether names differ from scene to scene."""
        return self.half_absent

    @cached_property
    def classes(self) -> ClassList:
        """The things of Miniworld."""
        names = self.world.thing_names
        return ClassList("miniworld things", names, names)

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Numbers as in the files of ``lexiseg miniworld``."""
        return tuple(range(1, len(self.classes) + 1))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Scene numbers."""
        return scene_numbers(self.scenes)

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> InstanceSample:  # type: ignore[override]
        scene = self.world[index]
        asked = self._asked(scene) if self.half_absent else None
        return InstanceSample(self.ids[index], index, scene.image, self._objects(scene), asked)

    def _objects(self, scene: WorldScene) -> tuple[TrueObject, ...]:
        number = self.classes.number
        return tuple(
            TrueObject(
                number[item.name] - 1, Mask.from_array(item.mask), item.area, not item.visible
            )
            for item in scene.objects
            if item.name in number
        )

    def _asked(self, scene: WorldScene) -> tuple[int, ...]:
        number = self.classes.number
        present = {item.name for item in scene.objects if item.visible and item.name in number}
        absent = [name for name in scene.absent(len(self.world.names)) if name in number]
        names = [*present, *absent[: max(len(present), 1)]]
        return tuple(sorted(number[name] - 1 for name in names))


def open_miniworld_instances(
    data: Path | None = None, *, split: str = "test", scenes: int = 200, seed: int = 0
) -> MiniworldObjects | InstanceTables:
    """Objects of Miniworld, every thing of which is asked for in every scene.

    Arguments and errors are those of `lexiseg.datasets.miniature.open_miniworld`.
    """
    if data is None:
        return MiniworldObjects(Miniworld(split=split, size=SIDE, seed=seed), scenes)
    find_annotations("miniworld-instances", Path(data), split)
    written = open_coco(data, split=split)
    pixels = {row["id"]: row["height"] * row["width"] for row in written.tables["images"]}
    rows = [_with_visibility(row, pixels) for row in written.tables["annotations"]]
    return replace(written, name="miniworld", tables={**written.tables, "annotations": rows})


def _with_visibility(row: Row, pixels: Mapping[Number, int]) -> Row:
    """An annotation whose crowd flag says whether the object can be named."""
    fraction = row.get("visible_fraction", 1.0)
    least = VISIBLE_AREA * pixels[row["image_id"]]
    hidden = fraction < VISIBLE_FRACTION or row.get("area", least) < least
    return {**row, "iscrowd": int(hidden)}
