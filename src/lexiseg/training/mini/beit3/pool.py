"""A pool of drawn scenes with their regions, names, sentences and captions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.training.mini.drawing import draw_chunks, draw_once, make_arrays

CHUNK = 100
CAPTIONS = 2  # per scene
STRIDE = 4  # pixels per cell of the region maps
FIRST_STUFF = 100  # values of region maps from which on they mean stuff
# Shares of scenes and their least and largest number of objects.
KINDS = ((0.25, (1, 1)), (0.65, (2, 6)), (0.1, (6, 10)))
NEIGHBORS = 0.3  # share of objects beside another one of their noun, so that places matter


@dataclass(frozen=True)
class Beit3PoolConfig:
    """What to draw; one seed gives one pool."""

    scenes: int = 8000
    size: int = 224  # pixels per side
    seed: int = 0
    split: str = "train"

    def world(self, number: int) -> Miniworld:
        """Where a scene is drawn; the kinds are spread evenly."""
        draw = np.random.default_rng((self.seed, number)).random()
        things = KINDS[-1][1]
        for share, limits in KINDS:
            draw -= share
            if draw < 0:
                things = limits
                break
        return Miniworld(self.split, self.size, self.seed, things, neighbors=NEIGHBORS)


@dataclass(frozen=True)
class Facts:
    """What is true of a scene.

    Attributes:
        names: name -> values of the region map that it means.
        sentences: pairs of a sentence and the value that it means.
        nouns: noun of each of these values.
        captions: sentences about the whole.
    """

    names: Mapping[str, Sequence[int]]
    sentences: Sequence[tuple[str, int]]
    nouns: Mapping[int, str]
    captions: Sequence[str]


@dataclass(frozen=True)
class Beit3Pool:
    """Drawn scenes.

    Attributes:
        images: (N, S, S, 3) uint8, mapped from disk.
        regions: (N, S / STRIDE, S / STRIDE) uint8, object numbers, and stuff from `FIRST_STUFF` on.
        facts: of each scene.
    """

    images: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    facts: Sequence[Facts]


def open_beit3_pool(folder: Path, config: Beit3PoolConfig, workers: int | None = None) -> Beit3Pool:
    """Open the pool in a folder, drawing it first if the folder holds no such pool."""
    draw_once(folder, config, _draw, workers)
    images = np.load(folder / "images.npy", mmap_mode="r")
    regions = np.load(folder / "regions.npy", mmap_mode="r")
    lines = (folder / "facts.jsonl").read_text("utf-8").splitlines()
    return Beit3Pool(images, regions, [_read_facts(line) for line in lines])


def region_map(scene: WorldScene) -> NDArray[np.uint8]:
    """The regions of a scene on a coarser grid; see `Beit3Pool`."""
    stuff = np.zeros(1 + len(scene.vocabulary), np.uint8)
    for number, name in enumerate(scene.stuff):
        stuff[1 + scene.vocabulary.index(name)] = FIRST_STUFF + number
    values = np.where(scene.instances > 0, scene.instances, stuff[scene.semantic])
    return values.astype(np.uint8)[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]


def read_scene(scene: WorldScene) -> Facts:
    """The facts of a scene."""
    seen = [item for item in scene.objects if item.visible]
    names: dict[str, list[int]] = {}
    for item in seen:
        names.setdefault(item.name, []).append(item.instance_id)
    for number, name in enumerate(scene.stuff):
        names[name] = [FIRST_STUFF + number]
    sentences = [(e.sentence, int(e.object_id)) for e in scene.expressions]
    nouns = {item.instance_id: item.name for item in seen}
    return Facts(names, sentences, nouns, [scene.describe(k) for k in range(CAPTIONS)])


def _read_facts(line: str) -> Facts:
    entries = json.loads(line)
    nouns = {int(value): noun for value, noun in entries["nouns"].items()}
    sentences = [(text, value) for text, value in entries["sentences"]]
    return Facts(entries["names"], sentences, nouns, entries["captions"])


def _draw(folder: Path, config: Beit3PoolConfig, workers: int) -> None:
    count, side, cells = config.scenes, config.size, config.size // STRIDE
    make_arrays(folder, {"images": (count, side, side, 3), "regions": (count, cells, cells)})
    starts = range(0, count, CHUNK)
    with (folder / "facts.jsonl").open("w", encoding="utf-8") as facts:
        for lines in draw_chunks(_draw_chunk, folder, config, starts, workers):
            facts.writelines(lines)


def _draw_chunk(folder: Path, config: Beit3PoolConfig, start: int) -> list[str]:
    images = np.load(folder / "images.npy", mmap_mode="r+")
    regions = np.load(folder / "regions.npy", mmap_mode="r+")
    lines = []
    for number in range(start, min(start + CHUNK, config.scenes)):
        scene = config.world(number)[number]
        images[number], regions[number] = scene.image, region_map(scene)
        lines.append(json.dumps(asdict(read_scene(scene))) + "\n")
    return lines
