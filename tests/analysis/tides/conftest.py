"""A data set of painted boxes, and TIDES with a segmenter that knows them but prefers halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from lexiseg.datasets import ClassList
from lexiseg.datasets.sample import InstanceSample, TrueObject
from lexiseg.errors import ImageError
from lexiseg.methods.tides import Tides, TidesConfig
from lexiseg.types import Mask
from tests.methods.tides.conftest import ColorScorer, ObjectSegmenter, draw

CLASSES = ("red", "green", "blue", "zebra")
SCENES = (
    [("red", 40, 40, 64, 48), ("red", 112, 40, 64, 48)],
    [("red", 24, 32, 64, 48), ("blue", 160, 112, 64, 48)],
    [("green", 24, 32, 64, 48), ("blue", 110, 20, 40, 40), ("green", 160, 112, 64, 48)],
)


@dataclass(frozen=True)
class Boxes(Sequence):
    """One image per scene; the last object of `crowded` scenes is a crowd region."""

    scenes: tuple = SCENES
    crowded: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    name: str = "boxes"
    split: str = "val"
    task: str = "instances"
    asks_per_image: bool = False
    federated: bool = False
    frequencies: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = (1, 2, 3, 4)

    @property
    def classes(self):
        return ClassList("boxes-4", CLASSES, CLASSES)

    @property
    def ids(self):
        return tuple(f"image-{number}" for number in range(len(self.scenes)))

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, index):
        if index in self.broken:
            raise ImageError("this picture is broken")
        image, objects = draw(self.scenes[index])
        true = []
        for number, (name, *_) in enumerate(self.scenes[index], start=1):
            mask = objects == number
            crowd = index in self.crowded and number == len(self.scenes[index])
            true.append(
                TrueObject(CLASSES.index(name), Mask.from_array(mask), float(mask.sum()), crowd)
            )
        return InstanceSample(self.ids[index], index, image, tuple(true))


class BoxSegmenter(ObjectSegmenter):
    """Knows the objects of every scene by its picture."""

    def __init__(self, scenes=SCENES):
        drawn = [draw(scene) for scene in scenes]
        self.known = {image.tobytes(): objects for image, objects in drawn}
        super().__init__(np.zeros((1, 1), int))

    def encode(self, image):
        self.objects = self.known[image.tobytes()]
        self.__dict__.pop("groups", None)
        return super().encode(image)


def build(**options):
    settings = {
        "long_side": 256,
        "windows": (56, 84, 112),
        "point_stride": 4,
        "foreground_rule": "joint-background",
        **options,
    }
    return Tides(ColorScorer(), BoxSegmenter(), TidesConfig(**settings))


@pytest.fixture
def boxes():
    return Boxes


@pytest.fixture
def tides():
    return build()
