"""A pool of drawn scenes with everything that a prompt may mean in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.training.mini.drawing import draw_chunks, draw_once, make_arrays
from lexiseg.training.mini.sam.labels import LEVELS, label_levels

CHUNK = 100
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
    draw_once(folder, config, _draw, workers)
    return _map(folder, "r")


def _map(folder: Path, mode: Literal["r", "r+"]) -> SamPool:
    images, labels = (
        np.load(folder / f"{name}.npy", mmap_mode=mode) for name in ("images", "labels")
    )
    return SamPool(images, labels)


def _draw(folder: Path, config: SamPoolConfig, workers: int) -> None:
    count, side = config.scenes, config.size
    shapes = {"images": (count, side, side, 3), "labels": (count, len(LEVELS), side, side)}
    make_arrays(folder, shapes)
    for _ in draw_chunks(_draw_chunk, folder, config, range(0, count, CHUNK), workers):
        pass


def _draw_chunk(folder: Path, config: SamPoolConfig, start: int) -> None:
    pool = _map(folder, "r+")
    for number in range(start, min(start + CHUNK, config.scenes)):
        scene = Miniworld(config.split, config.size, config.seed, config.things(number))[number]
        pool.images[number] = scene.image
        pool.labels[number] = label_levels(scene)
