"""Every method that has bundled weights on the same scenes: time, memory and quality in miniature.

``python -m benchmarks.choosing [--scenes 16] [--methods car tides ...] [--threads 1]``

Scenes are those of Miniworld's validation split; each is asked for the things that are seen in it
and for `ABSENT` things that are not. IoU is that of a name's pixels in the semantic view, 0 for a
name that is refused, averaged over the names that are there. Times are those of the processor, all
threads together, so that a busy machine changes them little. A row per process, so that memory is
its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import islice
from time import process_time

import numpy as np
import torch

import lexiseg
from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.scene import WorldScene
from lexiseg.metrics import bootstrap_interval, count_presence, matthews
from lexiseg.types import Result

METHODS = (
    "car", "tides", "fc-clip", "openworldsam", "sam+clip",
    "maskclip", "sclip", "sc-clip", "clip-surgery", "clearclip", "naclip",
)  # fmt: skip
SEED, ABSENT = 91, 4


def things(scene: WorldScene) -> list[str]:
    """Names of what is visibly there, but for the ground."""
    return [name for name in scene.names if name not in scene.stuff]


def ious(scene: WorldScene, result: Result, world: Sequence[str]) -> Iterator[float]:
    """IoU of each name that is there."""
    found = result.semantic
    for name in things(scene):
        truth = scene.semantic == world.index(name) + 1
        answer = found.ids == (found.names.index(name) + 1 if name in found.names else -1)
        yield float((truth & answer).sum() / (truth | answer).sum())


def measure(name: str, scenes: int) -> str:
    """One row of the table."""
    method = lexiseg.load(name, preset="mini", device="cpu")
    world = Miniworld("val", size=SIDE, seed=SEED)
    method.segment(world[scenes].image, things(world[scenes]))  # warms what is read only once
    quality, counts, spent = [], [], [0.0, 0.0]
    for scene in islice(world, scenes):
        present = things(scene)
        absent = [name for name in scene.absent(len(world.names)) if name in world.thing_names]
        names = [*present, *absent[:ABSENT]]
        start = process_time()
        encoded = method.encode(scene.image)
        spent[0] += process_time() - start
        start = process_time()
        result = method.segment(encoded, names)
        spent[1] += process_time() - start
        quality.append(float(np.mean(list(ious(scene, result, world.names)))))
        kept = [k for k, name in enumerate(names) if result.presence[name].kept]
        counts.append(astuple(count_presence(range(len(names)), range(len(present)), kept)))
    return _row(name, np.array(quality), np.array(counts), np.array(spent) / scenes)


def _row(name: str, quality: np.ndarray, counts: np.ndarray, spent: np.ndarray) -> str:
    low, high = bootstrap_interval(
        len(quality), lambda drawn: drawn @ quality / drawn.sum(axis=1), seed=SEED
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    presence = float(matthews(counts.sum(axis=0)))
    return (
        f"| {name} | {100 * quality.mean():.1f} ({100 * low:.1f} to {100 * high:.1f}) | "
        f"{presence:.2f} | {spent[0]:.2f} | {spent[1]:.2f} | {peak:.0f} |"
    )


def main() -> None:
    """Print the table; a row per process."""
    options = _read_options()
    if options.row:
        torch.set_num_threads(options.threads)
        print(measure(options.methods[0], options.scenes))
        return
    print("| method | IoU | presence MCC | encode, s | ask, s | MB |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in options.methods:
        command = [sys.executable, "-m", "benchmarks.choosing", "--row", "--methods", name]
        given = ["--scenes", str(options.scenes), "--threads", str(options.threads)]
        subprocess.run([*command, *given], check=True, env=os.environ)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
