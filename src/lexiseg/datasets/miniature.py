"""Miniworld as an evaluation set: every scene is asked about things that are and are not there.

Stuff is background, as in PASCAL VOC. Things too small or too hidden to be named are ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.annotation import Row, read_instances, read_json, telling
from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.label_map import read_labels
from lexiseg.datasets.layout import FolderLayout, read_ids
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.scene import VISIBLE_AREA, VISIBLE_FRACTION
from lexiseg.datasets.sample import IGNORE, LabelMap, Picture, SemanticSample
from lexiseg.errors import DatasetError

ASKED = 20  # names per scene
SIDE = 224  # pixels, of scenes that are drawn


def scene_numbers(count: int) -> tuple[str, ...]:
    """Ids of drawn scenes."""
    return tuple(f"{number:06d}" for number in range(count))


@dataclass(frozen=True)
class SceneTruth:
    """What both sources say about a scene: picture, label map, and who is and is not there."""

    image: Picture
    semantic: NDArray[np.integer]
    present: Collection[str]
    absent: Sequence[str]


@dataclass(frozen=True)
class DrawnScenes:
    """Scenes drawn when indexed."""

    world: Miniworld
    count: int

    @property
    def split(self) -> str:
        """Split, seed and picture size."""
        return f"{self.world.split} (seed {self.world.seed}, {self.world.size} px)"

    @property
    def ids(self) -> tuple[str, ...]:
        """Scene numbers."""
        return scene_numbers(self.count)

    @property
    def things(self) -> tuple[str, ...]:
        """Nouns of countable things."""
        return self.world.thing_names

    @property
    def names(self) -> tuple[str, ...]:
        """Label k of a scene is ``names[k - 1]``."""
        return self.world.names

    def __getitem__(self, index: int) -> SceneTruth:
        scene = self.world[index]
        present = {item.name for item in scene.objects if item.visible}
        return SceneTruth(scene.image, scene.semantic, present, scene.absent(len(self.names)))


@dataclass(frozen=True)
class WrittenScenes:
    """Scenes that ``lexiseg miniworld`` wrote to a folder."""

    root: Path
    split: str

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """File stems."""
        return read_ids(self.root / "ImageSets" / "Segmentation" / f"{self.split}.txt")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Label k of a scene is ``names[k - 1]``."""
        with telling(self.root / "classes.txt", "the list of classes"):
            return tuple((self.root / "classes.txt").read_text(encoding="utf-8").splitlines())

    @cached_property
    def things(self) -> tuple[str, ...]:
        """Nouns of countable things."""
        things = tuple(row["name"] for row in self._tables["categories"])
        if unknown := set(things) - set(self.names):
            raise DatasetError(f"{self._file} has the category {min(unknown)!r}, no class of it.")
        return things

    @cached_property
    def _tables(self) -> Mapping[str, Sequence[Row]]:
        return read_instances(
            self._file,
            images=("id", "file_name"),
            annotations=("image_id", "category_id", "area", "visible_fraction"),
            categories=("id", "name"),
        )

    @property
    def _file(self) -> Path:
        return self.root / "annotations" / f"instances_{self.split}.json"

    @cached_property
    def _absent(self) -> Mapping[str, Sequence[str]]:
        path = self.root / "annotations" / f"absent_{self.split}.json"
        absent: Mapping[str, Sequence[str]] = read_json(path)
        with telling(path, "the names that are absent"):
            return {str(stem): [str(name) for name in names] for stem, names in absent.items()}

    @cached_property
    def _objects(self) -> Mapping[str, Sequence[Row]]:
        grouped: dict[str, list[Row]] = defaultdict(list)
        stems = {row["id"]: Path(row["file_name"]).stem for row in self._tables["images"]}
        for row in self._tables["annotations"]:
            grouped[stems[row["image_id"]]].append(row)
        return grouped

    def __getitem__(self, index: int) -> SceneTruth:
        stem = self.ids[index]
        semantic = read_labels(self.root / "SegmentationClass" / f"{stem}.png")
        least = VISIBLE_AREA * semantic.size
        with telling(self._file, f"scene {stem}"):
            present = {
                self.names[row["category_id"] - 1]
                for row in self._objects[stem]
                if row["area"] >= least and row["visible_fraction"] >= VISIBLE_FRACTION
            }
            if semantic.size and semantic.max() > len(self.names):
                raise ValueError(f"label {semantic.max()} of {len(self.names)} classes")
            image = self.root / "JPEGImages" / f"{stem}.jpg"
            return SceneTruth(image, semantic, present, self._absent[stem])


@dataclass(frozen=True)
class LabeledScenes(Sequence[SemanticSample]):
    """Scenes as samples.

    Args:
        source: drawn or written scenes.
    """

    source: DrawnScenes | WrittenScenes

    @property
    def split(self) -> str:
        """Which scenes."""
        return self.source.split

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """One per scene."""
        return self.source.ids

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class MiniworldScenes(LabeledScenes):
    """Scenes with a question each: what is visible, filled up with absent things.

    Args:
        asked: names asked per scene.
    """

    asked: int = ASKED
    name: str = "miniworld"
    task: Literal["semantic"] = "semantic"
    counts_background: bool = True
    asks_per_image: bool = True
    has_void: bool = True

    @cached_property
    def classes(self) -> ClassList:
        """The things of Miniworld."""
        return ClassList("miniworld things", self.source.things, self.source.things)

    def __getitem__(self, index: int) -> SemanticSample:  # type: ignore[override]
        scene = self.source[index]
        number = self.classes.number
        present = sorted(name for name in scene.present if name in number)
        absent = [name for name in scene.absent if name in number]
        asked = [*present, *absent[: max(0, self.asked - len(present))]]
        numbers = sorted(number[name] - 1 for name in asked)
        truth = self._truth(scene.semantic, present)
        return SemanticSample(self.ids[index], scene.image, truth, tuple(numbers))

    def _truth(self, semantic: NDArray[np.integer], present: Collection[str]) -> LabelMap:
        """Label map of the things; stuff is 0 and what cannot be named is ignored."""
        table = np.zeros(len(self.source.names) + 1, dtype=np.uint16)
        for label, name in enumerate(self.source.names, start=1):
            if name in self.classes.number:
                table[label] = self.classes.number[name] if name in present else IGNORE
        truth: LabelMap = table[semantic]
        return truth


def find_annotations(dataset: str, data: Path, split: str) -> Path:
    """The instances file of a folder that ``lexiseg miniworld`` wrote.

    Raises:
        DatasetError: the folder holds no such split; the message calls it `dataset`.
    """
    layout = FolderLayout(
        dataset,
        "the command `lexiseg miniworld --out DIR` (https://github.com/lexiseg/lexiseg)",
        f"classes.txt, JPEGImages, SegmentationClass and annotations/instances_{split}.json",
    )
    return layout.find(data, f"annotations/instances_{split}.json")


def open_miniworld(
    data: Path | None = None, *, split: str = "test", scenes: int = 200, seed: int = 0
) -> MiniworldScenes:
    """Scenes of Miniworld.

    Args:
        data: a folder that ``lexiseg miniworld`` wrote; None draws the scenes, at 224 pixels.
        split: "train", "val" or "test".
        scenes: number of scenes to draw.
        seed: of the scenes to draw.

    Raises:
        DatasetError: the folder holds no such split.
        UsageError: there is no such split.
    """
    if data is None:
        return MiniworldScenes(DrawnScenes(Miniworld(split=split, size=SIDE, seed=seed), scenes))
    path = find_annotations("miniworld", Path(data), split)
    return MiniworldScenes(WrittenScenes(path.parents[1], split))
