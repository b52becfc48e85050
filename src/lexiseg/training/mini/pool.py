"""A pool of drawn scenes on disk, so that training never waits for the artist."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.training.mini.drawing import draw_chunks, draw_once, make_arrays

CHUNK = 250
CAPTIONS = 3  # per scene


@dataclass(frozen=True)
class PoolConfig:
    """What to draw; one seed gives one pool."""

    scenes: int = 24_000
    size: int = 224  # pixels per side
    seed: int = 0
    split: str = "train"
    single: float = 0.35  # share of scenes with one thing
    empty: float = 0.04  # share of scenes with stuff only

    def things(self, number: int) -> tuple[int, int]:
        """Range of the number of things of a scene; the kinds are spread evenly."""
        draw = np.random.default_rng((self.seed, number)).random()
        if draw < self.single:
            return (1, 1)
        return (0, 0) if draw < self.single + self.empty else (2, 6)


@dataclass(frozen=True)
class Pool:
    """Scenes with the names and sentences that are true of them.

    Attributes:
        images: (N, S, S, 3) uint8, mapped from disk.
        present: (N, W) bool, which of `names` are seen.
        captions: N lists of sentences.
        names: things, then stuff.
        thing_count: how many of the names are things.
    """

    images: NDArray[np.uint8]
    present: NDArray[np.bool_]
    captions: Sequence[Sequence[str]]
    names: tuple[str, ...]
    thing_count: int


def open_pool(folder: Path, config: PoolConfig, workers: int | None = None) -> Pool:
    """Open the pool in a folder, drawing it first if the folder holds no such pool."""
    draw_once(folder, config, _draw, workers)
    images = np.load(folder / "images.npy", mmap_mode="r")
    lines = (folder / "facts.jsonl").read_text("utf-8").splitlines()
    facts = [json.loads(line) for line in lines]
    world = Miniworld(config.split, config.size)
    column = {name: k for k, name in enumerate(world.names)}
    present = np.zeros((len(facts), len(column)), bool)
    for row, fact in zip(present, facts, strict=True):
        row[[column[name] for name in fact["names"]]] = True
    captions = [fact["captions"] for fact in facts]
    return Pool(images, present, captions, world.names, len(world.thing_names))


def _draw(folder: Path, config: PoolConfig, workers: int) -> None:
    make_arrays(folder, {"images": (config.scenes, config.size, config.size, 3)})
    starts = range(0, config.scenes, CHUNK)
    with (folder / "facts.jsonl").open("w", encoding="utf-8") as facts:
        for lines in draw_chunks(_draw_chunk, folder, config, starts, workers):
            facts.writelines(lines)


def _draw_chunk(folder: Path, config: PoolConfig, start: int) -> list[str]:
    images = np.load(folder / "images.npy", mmap_mode="r+")
    lines = []
    for number in range(start, min(start + CHUNK, config.scenes)):
        world = Miniworld(config.split, config.size, config.seed, config.things(number))
        scene = world[number]
        images[number] = scene.image
        captions = [scene.describe(k) for k in range(CAPTIONS)]
        lines.append(json.dumps({"names": scene.names, "captions": captions}) + "\n")
    return lines
