"""What a second process brings, and what it costs.

``python -m benchmarks.many_pictures``: scenes of Miniworld go through a method into a run folder,
with one process and with several, each on one core; the rows of both are compared. Processor
seconds are those of all processes together, and so can be measured beside other work; what the
wall clock shows can not. ``--rate`` only says what a picture takes once the method is loaded, and
``--batch N`` what its encoding takes alone and among N.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

import lexiseg
from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.io.answering import Compute, MethodCall, answer_images, in_batches
from lexiseg.io.image import read_image
from lexiseg.io.parquet import parquet_bytes, row_of, table_of
from lexiseg.io.processes import Processes
from lexiseg.io.run_folder import Job, RunFolder
from lexiseg.types import BatchMethod, Method, Result

SEED = 91
NAMES = ("dog", "cat", "car", "tree", "grass", "water", "sky", "banana")


@dataclass(frozen=True)
class Spent:
    """What a run took.

    Args:
        processor: seconds of this process and of those it started.
        wall: seconds.
        memory: of the largest process, in MiB.
    """

    processor: float
    wall: float
    memory: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--method", default="car")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rate", action="store_true")
    parser.add_argument("--batch", type=int)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started
    torch.set_num_threads(1)
    load = partial(lexiseg.load, options.method, preset="mini", device="cpu", dtype="float32")
    call = MethodCall(load, "segment", NAMES)
    with TemporaryDirectory() as spare:
        photos = draw(Path(spare, "photos"), options.scenes)
        if options.batch:
            print(encoding(photos, load(), options.batch))
            return
        if options.rate:
            print(rate(photos, call))
            return
        runs = {"1 process": (1, "one"), f"{options.jobs} processes": (options.jobs, "several")}
        print(
            f"| {options.method}, {len(photos)} scenes | processor s | wall s "
            "| largest process, MiB |"
        )
        print("|---|---|---|---|")
        for name, (count, place) in runs.items():
            spent = measured(partial(in_folder, photos, call, Path(spare, place), count))
            print(f"| {name} | {spent.processor:.0f} | {spent.wall:.0f} | {spent.memory:.0f} |")
        one, others = (rows_in(Path(spare, place)) for place in ("one", "several"))
        same = one == others
        print(f"\nrows: {'equal, masks to the bit' if same else 'DIFFERENT'}")
        sys.exit(not same)


def draw(folder: Path, count: int) -> list[Path]:
    """Scenes as files."""
    folder.mkdir()
    world = Miniworld("val", size=SIDE, seed=SEED)
    for number in range(count):
        Image.fromarray(np.asarray(world[number].image)).save(folder / f"{number:05d}.png")
    return sorted(folder.iterdir())


def rate(photos: Sequence[Path], call: MethodCall) -> str:
    """Processor seconds and bytes of a picture, and memory, in this process."""
    answer = call()
    pictures = [read_image(path) for path in photos]
    answer(pictures[0])  # what is made once
    begin = time.process_time()
    rows = [row_of(answer(pixels)) for pixels in pictures]
    seconds = (time.process_time() - begin) / len(rows)
    one, every = (len(parquet_bytes(table_of([]), some, [], {})) for some in (rows[:1], rows))
    size = (every - one) / max(1, len(rows) - 1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{seconds:.2f} processor s and {size:.0f} bytes a picture; {memory:.0f} MiB"


def encoding(photos: Sequence[Path], method: Method, size: int) -> str:
    """Processor seconds of encoding a picture alone, and among so many, in this process."""
    assert isinstance(method, BatchMethod)
    pictures = [read_image(path) for path in photos]
    method.encode_many(pictures[:size])  # what is made once
    spent = []
    for count in (1, size):
        begin = time.process_time()
        for some in in_batches(pictures, count):
            method.encode_many(some)
        spent.append((time.process_time() - begin) / len(pictures))
    alone, together = spent
    return (
        f"{method.name}: {1000 * alone:.0f} processor ms to encode a picture alone, "
        f"{1000 * together:.0f} in batches of {size}, {alone / together:.2f} times as fast"
    )


def in_folder(photos: Sequence[Path], call: MethodCall, out: Path, count: int) -> None:
    """As ``lexiseg segment --format parquet --jobs`` does."""
    job = Job("segment", "bench", "mini", {}, {}, ["parquet"])
    with RunFolder(out, job) as folder, several(count, call) as compute:
        for _ in answer_images(photos, call, folder, compute=compute):
            pass


@contextmanager
def several(count: int, call: MethodCall) -> Iterator[Compute | None]:
    """The answers of processes, or None for those of this one."""
    if count == 1:
        yield None
        return
    with Processes(count, call, read_image) as processes:
        yield processes.answers


def measured(way: Callable[[], None]) -> Spent:
    """What it takes in a process of its own, with all that this one starts and waits for."""
    begin = time.perf_counter()
    process = os.fork()
    if process == 0:
        try:
            way()
            os._exit(0)
        finally:  # whatever has happened, this is no second program
            os._exit(1)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit("A run failed; see above.")
    wall = time.perf_counter() - begin
    return Spent(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def rows_in(folder: Path) -> list[Result]:
    """Answers by the names of their pictures, without the time they took."""
    found = lexiseg.read(folder) if folder.exists() else []
    plain = (replace(one, recipe=replace(one.recipe, timing_ms={})) for one in found)
    return sorted(plain, key=lambda one: str(one.path))


if __name__ == "__main__":
    main()
