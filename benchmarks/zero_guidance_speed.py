"""Time segments through CLIP ViT-L/14@336: ``python -m benchmarks.zero_guidance_speed``.

Random weights of the published size. "plain" runs the whole tower once per segment; "shared" runs
the blocks before the first masked one once per image and the rest for all segments together. Both
must give the same embeddings.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TypeVar

import torch
from torch import Tensor

from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.embeddings import (
    MaskedReader,
    segment_attentions,
    token_masks,
)
from lexiseg.models.clip import VisionConfig
from lexiseg.models.clip.vision import VisionTower
from lexiseg.models.device import choose_device, choose_dtype

Made = TypeVar("Made")
L14_336 = VisionConfig(1024, 24, 16, patch_size=14, image_size=336, embed_dim=768)


@dataclass(frozen=True)
class Spent:
    """Seconds."""

    wall: float
    processor: float

    def times(self, factor: float) -> Spent:
        """So many times as much."""
        return Spent(factor * self.wall, factor * self.processor)


def main() -> None:
    """Print the time of both ways, their floor and how far their embeddings are apart."""
    options = _read_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    torch.manual_seed(0)
    tower = VisionTower(L14_336).to(device, dtype).eval().requires_grad_(False)
    pixels = torch.randn(1, 3, L14_336.image_size, L14_336.image_size, device=device, dtype=dtype)
    areas = random_areas(options.segments, L14_336.grid).to(device)
    config = ZeroGuidanceConfig(saliency=options.saliency)
    print(
        f"{options.segments} segments, ViT-L/14@336, {device}, {dtype}, "
        f"{torch.get_num_threads()} threads, saliency {config.saliency}"
    )
    shared, ours = _time(lambda: MaskedReader(tower, pixels, config).read(areas), device)
    prefix, _ = _time(lambda: MaskedReader(tower, pixels, config), device)
    timed = areas[: options.plain or None]
    part, theirs = _time(lambda: plain_embeddings(tower, pixels, timed, config), device)
    plain = part.times(len(areas) / len(timed))
    depth, segments = L14_336.layers, options.segments
    passes = (depth - config.masked_blocks + segments * config.masked_blocks) / (depth * segments)
    print("                                   wall    processor")
    for name, spent in (
        (f"plain, from {len(timed)} of them", plain),
        ("shared prefix, all together", shared),
        ("  of which the prefix", prefix),
    ):
        print(f"  {name:29s} {spent.wall:7.2f} s  {spent.processor:7.2f} s")
    print(
        f"  shared / plain: {shared.wall / plain.wall:.3f} of the wall time, "
        f"{shared.processor / plain.processor:.3f} of the processor time; "
        f"blocks to run: {passes:.3f}"
    )
    apart = (ours[: len(timed)] - theirs).abs().max() / theirs.abs().max()
    print(f"  largest difference of embeddings, relative to their largest value: {apart:.1e}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:.0f} MB")


def random_areas(segments: int, grid: int) -> Tensor:
    """(K, grid, grid) areas of Voronoi cells around random points; together they fill the grid."""
    points = grid * torch.rand(segments, 2)
    fine = (torch.stack(torch.meshgrid(*[torch.arange(4 * grid)] * 2, indexing="ij")) + 0.5) / 4
    nearest = torch.cdist(fine.flatten(1).T, points).argmin(dim=1).view(4 * grid, 4 * grid)
    owned = (nearest == torch.arange(segments)[:, None, None]).float()
    return torch.nn.functional.avg_pool2d(owned, 4)


def plain_embeddings(
    tower: VisionTower, pixels: Tensor, areas: Tensor, config: ZeroGuidanceConfig
) -> Tensor:
    """One full pass of the tower per segment."""
    return torch.cat([_whole_pass(tower, pixels, area[None], config) for area in areas])


@torch.no_grad()
def _whole_pass(
    tower: VisionTower, pixels: Tensor, area: Tensor, config: ZeroGuidanceConfig
) -> Tensor:
    attentions = segment_attentions(tower, token_masks(area), config)
    tokens = tower.run(tower.embed(pixels), attention=attentions)
    return tower.project(tokens[:, 0]).float()


def _time(run: Callable[[], Made], device: torch.device) -> tuple[Spent, Made]:
    """Wall time, and processor time, which other programs on the machine change less."""
    start, busy = perf_counter(), process_time()
    made = run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return Spent(perf_counter() - start, process_time() - busy), made


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--segments", type=int, default=20)
    parser.add_argument("--plain", type=int, default=0, help="segments to time plainly; 0 = all")
    parser.add_argument("--saliency", default="rows")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32")
    return parser.parse_args()


if __name__ == "__main__":
    main()
