"""How much a verdict depends on the names asked with it.

``python -m benchmarks.absent_names``: the bundled CaR on scenes of Miniworld's validation split.
Names that are not in a scene, and names that are, are asked alone, alone against rivals that are
not reported (``--against``), and all together; the table says how many are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch

import lexiseg
from benchmarks.car_speed import add_machine_options
from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.types import EncodedImage, Method, Vocabulary

SEED = 78
ABSENT = 4  # names a scene that it does not show
RIVALS = 20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=50)
    add_machine_options(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    car = lexiseg.load("car", preset="mini", device=options.device, dtype=options.dtype)
    world = Miniworld("val", size=SIDE, seed=SEED)
    kept = {"alone": [0, 0], f"alone against {RIVALS} names": [0, 0], "together": [0, 0]}
    asked = [0, 0]
    rng = np.random.default_rng(SEED)
    for scene in islice(world, options.scenes):
        names = (scene.absent(ABSENT), scene.names)
        rivals = rng.choice(world.names, RIVALS, replace=False).tolist()
        encoded = car.encode(scene.image)
        for group, own in enumerate(names):
            asked[group] += len(own)
        for way, verdicts in zip(kept, _ways(car, encoded, names, rivals), strict=True):
            for group, own in enumerate(names):
                kept[way][group] += sum(verdicts[name] for name in own)
    print(f"| asked | absent names kept, of {asked[0]} | present names kept, of {asked[1]} |")
    print("|---|---|---|")
    for way, (absent, present) in kept.items():
        print(f"| {way} | {absent} | {present} |")


def _ways(
    car: Method, scene: EncodedImage, names: Sequence[Sequence[str]], rivals: Sequence[str]
) -> Iterator[dict[str, bool]]:
    """Whether each name is kept, in the order of the table."""
    every = [name for own in names for name in own]
    for against in ((), rivals):
        single = (Vocabulary.parse([name], against=against) for name in every)
        yield {asked.names[0]: _kept(car, scene, asked)[asked.names[0]] for asked in single}
    yield _kept(car, scene, Vocabulary.parse(every))


def _kept(car: Method, scene: EncodedImage, asked: Vocabulary) -> dict[str, bool]:
    verdicts = car.segment(scene, asked).presence
    return {name: entry.kept for name, entry in verdicts.items()}


if __name__ == "__main__":
    main()
