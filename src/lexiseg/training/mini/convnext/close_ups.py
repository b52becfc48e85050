"""Pictures that show one thing and little else, cut out of scenes: where words are learnt first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.scene_object import SceneObject
from lexiseg.training.mini.drawing import draw_chunks, draw_once
from lexiseg.training.mini.pool import Pool

CHUNK = 100
SEEN = 0.7  # share of a thing that a photographer wants to see
ROOM = (1.1, 1.6)  # side of the frame in sides of the thing
OFF = 0.08  # how far the thing is from the middle, in sides of the frame


@dataclass(frozen=True)
class CloseUpConfig:
    """What to draw; one seed gives one pool."""

    scenes: int = 3000
    size: int = 72  # pixels per side
    seed: int = 0
    split: str = "train"
    things: tuple[int, int] = (2, 6)


@dataclass(frozen=True)
class CloseUp:
    """A cut-out.

    Attributes:
        image: (S, S, 3) uint8.
        name: of its thing.
    """

    image: NDArray[np.uint8]
    name: str


def open_close_ups(folder: Path, config: CloseUpConfig, workers: int | None = None) -> Pool:
    """Open the pool in a folder, drawing it first if the folder holds no such pool.

    Each picture has the one name of its thing; whatever else is seen in it counts as unknown.
    """
    draw_once(folder, config, _draw, workers)
    images, labels = (np.load(folder / f"{part}.npy") for part in ("images", "labels"))
    world = Miniworld(config.split)
    present = labels[:, None] == np.arange(len(world.names))
    captions = [(f"a photo of a {world.names[label]}.",) for label in labels]
    return Pool(images, present, captions, world.names, len(world.thing_names))


def _draw(folder: Path, config: CloseUpConfig, workers: int) -> None:
    starts = range(0, config.scenes, CHUNK)
    found = [item for part in draw_chunks(_chunk, folder, config, starts, workers) for item in part]
    names = Miniworld(config.split).names
    np.save(folder / "images.npy", np.stack([item.image for item in found]))
    np.save(folder / "labels.npy", np.array([names.index(item.name) for item in found]))


def _chunk(folder: Path, config: CloseUpConfig, start: int) -> list[CloseUp]:
    world = Miniworld(config.split, seed=config.seed, things=config.things)
    numbers = range(start, min(start + CHUNK, config.scenes))
    return [item for number in numbers for item in close_ups(world, number, config.size)]


def close_ups(world: Miniworld, number: int, size: int) -> Iterator[CloseUp]:
    """One picture of every thing of a scene that is seen well.

    Args:
        world: the scene's.
        number: of the scene.
        size: pixels per side.
    """
    scene, rng = world[number], np.random.default_rng((world.seed, number))
    whole = Image.fromarray(scene.image)
    for item in scene.objects:
        frame = _frame(item, world.size, rng)
        if item.visible and item.visible_fraction >= SEEN and item.name in scene.vocabulary:
            small = whole.resize((size, size), Image.Resampling.BILINEAR, box=frame)
            yield CloseUp(np.asarray(small), item.name)


def _frame(
    item: SceneObject, side: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a frame around a thing, within the picture."""
    left, top, width, height = item.bbox
    frame = max(width, height) * rng.uniform(*ROOM)
    middle = np.array([left + width / 2, top + height / 2]) + frame * rng.uniform(-OFF, OFF, 2)
    low, high = np.clip(middle - frame / 2, 0, side), np.clip(middle + frame / 2, 0, side)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
