"""Drawing a pool of scenes with all cores, in chunks, and only once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import Field, asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from tqdm import tqdm

MARKER = "pool.json"


class Settings(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


ConfigT = TypeVar("ConfigT", bound=Settings)
DrawnT = TypeVar("DrawnT")


def draw_once(
    folder: Path,
    config: ConfigT,
    draw: Callable[[Path, ConfigT, int], None],
    workers: int | None = None,
) -> None:
    """Draw a pool into a folder, unless the folder holds one of the same config.

    Args:
        folder: of the pool; the config is noted in it when all is drawn.
        config: what to draw.
        draw: folder, config, and number of processes.
        workers: that number; None is one for each core.
    """
    marker, wanted = folder / MARKER, json.dumps(asdict(config))
    if not (marker.is_file() and json.loads(marker.read_text("utf-8")) == json.loads(wanted)):
        folder.mkdir(parents=True, exist_ok=True)
        draw(folder, config, workers or os.cpu_count() or 1)
        marker.write_text(wanted, encoding="utf-8")


def make_arrays(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Empty uint8 arrays on disk, which the chunks fill."""
    for name, shape in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, shape)


def draw_chunks(
    draw: Callable[[Path, ConfigT, int], DrawnT],
    folder: Path,
    config: ConfigT,
    starts: range,
    workers: int,
) -> Iterator[DrawnT]:
    """What the chunks leave, in order, with a progress bar.

    Args:
        draw: a function of a module: folder, config, and number of the chunk's first scene.
        folder, config: handed to it.
        starts: first scenes of the chunks.
        workers: number of processes.
    """
    count = len(starts)
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        drawn = executor.map(draw, [folder] * count, [config] * count, starts)
        yield from tqdm(drawn, "drawing scenes", count, unit="chunk")
