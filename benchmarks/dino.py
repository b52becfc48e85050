"""Time DINO with overlapping patches: ``python -m benchmarks.dino [--stride 2] [--side 224]``.

Random weights of a published size. The floor is the arithmetic that no implementation of these
layers can avoid, at the speed at which one large matrix product runs here; the memory is the
peak of the whole process. "scores" is what one layer would hold if attention were written out.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch

from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.dino import Dino, DinoConfig, DinoNetwork

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SIZES = {
    "S/8": DinoConfig(),
    "S/16": DinoConfig(patch_size=16, native_grid=14),
    "B/8": DinoConfig(768, 12, 12, 8, 28, 3072),
    "B/16": DinoConfig(768, 12, 12, 16, 14, 3072),
}


def main() -> None:
    """Print one line per stride."""
    options = _read_options()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    config = SIZES[options.size]
    torch.manual_seed(0)
    network = DinoNetwork(config).to(device, choose_dtype(options.dtype, device))
    dino, clock = Dino(network), CLOCKS[options.clock]
    shape = (options.side, options.long_side or options.side, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    print(
        f"DINO {options.size}, {shape[0]} x {shape[1]} pixels, {options.threads} threads, {device}"
    )
    dino.describe_patches(image[:64, :64])
    speed = product_speed(network, clock)
    for stride in options.stride:
        start = clock()
        features = dino.describe_patches(image, stride)
        features.cpu()
        seconds = clock() - start
        tokens = 1 + features.shape[0] * features.shape[1]
        scores = config.heads * tokens**2 * 4 / 1e9
        print(
            f"  stride {stride}: {features.shape[0]} x {features.shape[1]} patches, "
            f"{seconds:.2f} s (floor {operations(config, tokens) / speed:.2f} s), "
            f"scores {scores:.1f} GB, peak memory so far {peak_megabytes():.0f} MB"
        )


def operations(config: DinoConfig, tokens: int) -> float:
    """Multiplications and additions of all blocks but what follows the last key projection."""
    linear = tokens * config.width * (4 * config.width + 2 * config.hidden)
    attention = 2 * tokens**2 * config.width
    last = tokens * config.width**2
    return 2.0 * ((config.layers - 1) * (linear + attention) + last)


def product_speed(network: DinoNetwork, clock: Callable[[], float]) -> float:
    """Operations per second of one matrix product of the network's precision."""
    weight = network.cls_token
    matrix = torch.randn(2048, 2048, device=weight.device).to(weight.dtype)
    matrix @ matrix
    start = clock()
    for _ in range(3):
        product = matrix @ matrix
    product.sum().item()
    return float(3 * 2 * 2048**3 / (clock() - start))


def peak_megabytes() -> float:
    """Of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="S/8")
    parser.add_argument("--side", type=int, default=224, help="height in pixels")
    parser.add_argument("--long-side", type=int, default=0, help="width; default: square")
    parser.add_argument("--stride", type=int, nargs="+", default=[8, 4, 2])
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for busy machines")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    return parser.parse_args()


if __name__ == "__main__":
    main()
