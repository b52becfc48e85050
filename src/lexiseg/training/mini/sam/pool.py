"""A pool of drawn scenes with everything that a prompt may mean in them."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.training.mini.sam.labels import LEVELS, label_levels

CHUNK = 100
MARKER = "pool.json"
# Shares of scenes and their least and largest number of objects: one, some, crowds.
KINDS = ((0.1, (1, 1)), (0.35, (2, 6)), (0.55, (6, 14)))


@dataclass(frozen=True)
class SamPoolConfig:
    """What to draw; one seed gives one pool."""

    scenes: int = 8000
    size: int = 256  # pixels per side, the network's input
    seed: int = 0
    split: str = "train"

    def things(self, number: int) -> tuple[int, int]:
        """Range of the number of objects of a scene; the kinds are spread evenly."""
        draw = np.random.default_rng((self.seed, number)).random()
        for share, limits in KINDS:
            draw -= share
            if draw < 0:
                return limits
        return KINDS[-1][1]


@dataclass(frozen=True)
class SamPool:
    """Drawn scenes, mapped from disk.

    Attributes:
        images: (N, S, S, 3) uint8.
        labels: (N, 3, S, S) uint8, see `label_levels`.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Some scenes by chance, half of them mirrored.

        Returns:
            (count, 3, S, S) float32 pixels in [0, 1] and (count, 3, S, S) uint8 labels.
        """
        rows = torch.randint(len(self.images), (count,), generator=generator)
        images, labels = (
            torch.from_numpy(np.stack([array[row] for row in rows.tolist()]))
            for array in (self.images, self.labels)
        )
        turned = torch.rand(count, generator=generator) < 0.5
        images[turned] = images[turned].flip(2)
        labels[turned] = labels[turned].flip(3)
        return images.permute(0, 3, 1, 2).float() / 255, labels


def open_sam_pool(folder: Path, config: SamPoolConfig, workers: int | None = None) -> SamPool:
    """Open the pool in a folder, drawing it first if the folder holds no such pool."""
    marker, wanted = folder / MARKER, asdict(config)
    if not (marker.is_file() and json.loads(marker.read_text("utf-8")) == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        _draw(folder, config, workers or os.cpu_count() or 1)
        marker.write_text(json.dumps(wanted), encoding="utf-8")
    return _map(folder, "r")


def _map(folder: Path, mode: Literal["r", "r+"]) -> SamPool:
    images, labels = (
        np.load(folder / f"{name}.npy", mmap_mode=mode) for name in ("images", "labels")
    )
    return SamPool(images, labels)


def _draw(folder: Path, config: SamPoolConfig, workers: int) -> None:
    count, side = config.scenes, config.size
    for name, shape in (
        ("images", (count, side, side, 3)),
        ("labels", (count, len(LEVELS), side, side)),
    ):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, shape)
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        jobs = executor.map(_draw_chunk, [folder] * len(starts), [config] * len(starts), starts)
        for _ in tqdm(jobs, "drawing scenes", len(starts), unit="chunk"):
            pass


def _draw_chunk(folder: Path, config: SamPoolConfig, start: int) -> None:
    pool = _map(folder, "r+")
    for number in range(start, min(start + CHUNK, config.scenes)):
        scene = Miniworld(config.split, config.size, config.seed, config.things(number))[number]
        pool.images[number] = scene.image
        pool.labels[number] = label_levels(scene)
