"""Where the CAM tower's attention goes, and what its affinity makes of maps.

``python -m benchmarks.car_attention``: the bundled CAM tower of CaR on scenes of Miniworld's
validation split, every visible thing asked among absent names. Two tables: how much of the
attention of a thing's patches stays on the thing, block by block; and how well maps meet things
after t refinements by the affinity of some of the blocks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import lexiseg
from benchmarks.car_speed import add_machine_options
from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.methods.car import CaR
from lexiseg.methods.car.background import competing_words
from lexiseg.methods.car.proposals import ProposalGenerator, enlarge
from lexiseg.methods.car.scene import Scene
from lexiseg.ops.affinity import box_masks, refine, symmetric_affinity
from lexiseg.ops.attention import AttentionMean
from lexiseg.ops.cam import min_max

SEED = 77
ASKED = 20
THRESHOLDS = torch.arange(0.05, 1.0, 0.05)
Regions = Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]


@dataclass(frozen=True)
class Refinement:
    """How maps are refined: t times by the mean attention of blocks, numbered from 1."""

    times: int
    blocks: tuple[int, ...]

    def __str__(self) -> str:
        if not self.times:
            return "t = 0, boxes alone"
        return f"t = {self.times}, blocks {self.blocks[0]}-{self.blocks[-1]}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=60)
    add_machine_options(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    car = load_car(options.device, options.dtype)
    depth = len(car.proposal.visual.blocks)
    refinements = [
        Refinement(0, ()), *(Refinement(t, tuple(range(1, depth + 1))) for t in (1, 2)),
        *(Refinement(1, tuple(range(1, last + 1))) for last in range(depth - 1, 0, -1)),
    ]  # fmt: skip
    stays: list[Tensor] = []
    ious: dict[str, list[Tensor]] = {}
    for true in islice(true_scenes(), options.scenes):
        scene, attentions = car.encode(true.image), block_attention(car, true.image)
        assert isinstance(scene, Scene)
        regions = visible_regions(true)
        stays += [attention_kept(attentions, mask, scene.grid_hw) for mask in regions.values()]
        for label, maps in refined_maps(car, scene, attentions, true, regions, refinements):
            ious.setdefault(label, []).append(overlaps(maps, scene, regions))
    _print(torch.stack(stays), ious, options.scenes)


def load_car(device: str, dtype: str, **settings: object) -> CaR:
    """The bundled CaR."""
    car = lexiseg.load("car", preset="mini", device=device, dtype=dtype, **settings)
    assert isinstance(car, CaR)
    return car


def true_scenes() -> Iterator[WorldScene]:
    world = Miniworld("val", size=SIDE, seed=SEED)
    return (scene for scene in world if any(item.visible for item in scene.objects))


def visible_regions(true: WorldScene) -> Regions:
    """Name of a visible thing -> its region."""
    names = dict.fromkeys(item.name for item in true.objects if item.visible)
    return {
        name: np.any([item.mask for item in true.objects if item.name == name], axis=0)
        for name in names
    }


@torch.no_grad()
def block_attention(car: CaR, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """Head means of the attention among patches (blocks, n, n), without CLS."""
    clip, tower = car.proposal, car.proposal.visual
    pixels = clip.preprocessing.normalize(image).to(clip.device)
    records = {block: AttentionMean() for block in range(len(tower.blocks))}
    tower.run(tower.embed(pixels), attention=records)
    return torch.stack([records[block].mean[0, 1:, 1:] for block in sorted(records)])


def attention_kept(
    attentions: Tensor, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], grid: tuple[int, int]
) -> Tensor:
    """Attention of a thing's patches to its patches over the patches' share, (blocks,)."""
    inside = F.interpolate(torch.from_numpy(mask)[None, None].float(), grid, mode="area").flatten()
    chosen = inside >= min(0.5, float(inside.max()))
    rows = attentions[:, chosen] / attentions[:, chosen].sum(dim=2, keepdim=True)
    return rows[..., chosen].sum(dim=2).mean(dim=1) / chosen.float().mean()


@torch.no_grad()
def refined_maps(
    car: CaR,
    scene: Scene,
    attentions: Tensor,
    true: WorldScene,
    regions: Regions,
    refinements: Sequence[Refinement],
) -> Iterator[tuple[str, Tensor]]:
    """Label and maps (N, n) of the visible things: those of the preset as they are, and refined."""
    generator = ProposalGenerator(car.proposal, car.config)
    absent = [name for name in true.absent(ASKED) if name not in regions]
    names = [*regions, *absent][:ASKED]
    words = competing_words(car.config, names)
    queries, others = (generator.text_embeddings(texts, "{}") for texts in (names, words))
    cams, _ = generator.activation_maps(scene, queries, others)
    cams = cams[: len(regions)]
    yield f"{car.config.proposals} maps, not refined", cams
    boxes = box_masks(cams, scene.grid_hw, car.config.lam)
    for one in refinements:
        chosen = attentions[[block - 1 for block in one.blocks] or [0]].mean(dim=0)
        yield str(one), min_max(refine(symmetric_affinity(chosen), cams, boxes, one.times))


def overlaps(maps: Tensor, scene: Scene, regions: Regions) -> Tensor:
    """IoU of maps with the true regions at every threshold, (N, thresholds)."""
    true = torch.from_numpy(np.stack(list(regions.values())))[:, None]
    soft = enlarge(maps.float().cpu(), scene.grid_hw, scene.canvas_hw)
    cut = soft[:, None] > THRESHOLDS[:, None, None]
    return (cut & true).sum((2, 3)) / (cut | true).sum((2, 3)).clamp(min=1)


def _print(stays: Tensor, ious: Mapping[str, Sequence[Tensor]], scenes: int) -> None:
    print(f"{scenes} scenes, {len(stays)} things\n")
    print("| block | attention of a thing's patches to the thing, over its share of the picture |")
    print("|---|---|")
    for block, ratio in enumerate(stays.mean(dim=0).tolist(), start=1):
        print(f"| {block} | {ratio:.1f} |")
    print("\n| maps | IoU with visible things, best common threshold |\n|---|---|")
    for label, parts in ious.items():
        print(f"| {label} | {float(torch.cat(list(parts)).mean(dim=0).max()):.3f} |")


if __name__ == "__main__":
    main()
