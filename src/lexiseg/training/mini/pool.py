"""A pool of drawn scenes on disk, so that training never waits for the artist."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lexiseg.datasets.miniworld import Miniworld

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
    marker, wanted = folder / "pool.json", asdict(config)
    if not (marker.is_file() and json.loads(marker.read_text("utf-8")) == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        _draw(folder, config, workers or os.cpu_count() or 1)
        marker.write_text(json.dumps(wanted), encoding="utf-8")
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
    shape = (config.scenes, config.size, config.size, 3)
    np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    starts = range(0, config.scenes, CHUNK)
    count = len(starts)
    with (
        ProcessPoolExecutor(workers, get_context("spawn")) as executor,
        (folder / "facts.jsonl").open("w", encoding="utf-8") as facts,
    ):
        jobs = executor.map(_draw_chunk, [folder] * count, [config] * count, starts)
        for lines in tqdm(jobs, "drawing scenes", count, unit="chunk"):
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
