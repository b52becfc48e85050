"""Which maps make the best proposals, and what they cost.

``python -m benchmarks.car_maps``: the bundled towers on scenes of Miniworld's validation split,
every visible thing asked among absent names; IoU with the visible region at the best common
threshold, as the maps are and after refinements by affinity. ``--published`` instead times the
maps of CaR's published tower (ViT-B/16, random weights), beside its pass over the picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import torch
from torch import Tensor

from benchmarks.car_attention import ASKED, load_car, overlaps, true_scenes, visible_regions
from benchmarks.car_speed import ImageArray, add_machine_options, smooth_image, timed
from benchmarks.random_clip import random_clip
from lexiseg.datasets.miniworld import WorldScene
from lexiseg.methods.car import CaR
from lexiseg.methods.car.background import competing_words
from lexiseg.methods.car.config import map_kinds
from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.scene import Scene

TOWERS = ("mini-clip-proposal", "mini-clip-classifier")
REFINEMENTS = (0, 1, 2)


def main() -> None:
    """Print the table of quality or of time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--published", action="store_true", help="time ViT-B/16 instead")
    parser.add_argument("--names", type=int, nargs="*", default=[1, 20, 100])
    add_machine_options(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    kinds = map_kinds()
    if options.published:
        print_times(kinds, options.names, options.device, options.dtype)
    else:
        print_quality(kinds, options.scenes, options.device, options.dtype)


def print_quality(kinds: Sequence[str], count: int, device: str, dtype: str) -> None:
    """IoU by tower, kind of map and number of refinements."""
    print("| tower | maps | not refined | t = 1 | t = 2 |\n|---|---|---|---|---|")
    for tower in TOWERS:
        car = load_car(device, dtype, proposal_weights=tower)
        ious: dict[str, list[Tensor]] = {kind: [] for kind in kinds}
        for true in islice(true_scenes(), count):
            scene = car.encode(true.image)
            assert isinstance(scene, Scene)
            for kind in kinds:
                ious[kind].append(map_ious(car, scene, true, kind))
        for kind, parts in ious.items():
            best = torch.cat(parts, dim=1).mean(dim=1).amax(dim=1)
            print(f"| {tower} | {kind} | {' | '.join(f'{value:.3f}' for value in best)} |")


@torch.no_grad()
def map_ious(car: CaR, scene: Scene, true: WorldScene, kind: str) -> Tensor:
    """IoU of the maps of visible things, (refinements, things, thresholds)."""
    regions = visible_regions(true)
    absent = [name for name in true.absent(ASKED) if name not in regions]
    names = [*regions, *absent][:ASKED]
    words = competing_words(car.config, names)
    rows = []
    for times in REFINEMENTS:
        config = replace(car.config, proposals=kind, refinements=times)
        generator = ProposalGenerator(car.proposal, config)
        queries, others = (generator.text_embeddings(texts, "{}") for texts in (names, words))
        maps, _ = generator.activation_maps(scene, queries, others)
        maps = generator.spread(scene, maps[: len(regions)]) if times else maps[: len(regions)]
        rows.append(overlaps(maps, scene, regions))
    return torch.stack(rows)


@torch.no_grad()
def print_times(kinds: Sequence[str], counts: Sequence[int], device: str, dtype: str) -> None:
    """Milliseconds of the maps alone, best of three, beside those of the tower's own pass."""
    clip = random_clip("B/16", dtype, device)
    car = CaR(clip, clip)
    image = smooth_image(375, 500, seed=0)
    encode = min(timed(lambda: car.encode(image)) for _ in range(3))
    print(f"The tower's pass over the picture: {encode:.0f} ms\n")
    print("| maps | " + " | ".join(f"{count} names, ms" for count in counts) + " |")
    print("|---" * (len(counts) + 1) + "|")
    for kind in kinds:
        generator = ProposalGenerator(clip, replace(car.config, proposals=kind))
        cells = [f"{time_maps(car, generator, image, count):.1f}" for count in counts]
        print(f"| {kind} | {' | '.join(cells)} |")


def time_maps(car: CaR, generator: ProposalGenerator, image: ImageArray, count: int) -> float:
    """Best of three; dense scorers see the picture anew, which is a part of their price."""
    queries, others = (
        generator.text_embeddings([f"{kind} {number}" for number in range(size)], "{}")
        for kind, size in (("thing", count), ("ground", 60))
    )
    spent = []
    for _ in range(3):
        scene = car.encode(image)
        assert isinstance(scene, Scene)
        spent.append(timed(partial(generator.activation_maps, scene, queries, others)))
    return min(spent)


if __name__ == "__main__":
    main()
