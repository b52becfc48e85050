"""Time the dense CRF: ``python -m benchmarks.crf [--size 500x375] [--labels 4 21] [--image FILE]``.

One row per solver and number of labels. "kernels" is everything but the updates, with the
smoothness lattice of the size computed anew ("cold") or kept from an earlier image ("warm").
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lexiseg.ops.crf import Backend, CrfConfig, DenseCrf, unary_from_scores
from lexiseg.ops.mean_field import clear_lattice_cache

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
ROW = "{:<12}{:>8}{:>16}{:>16}{:>16}{:>14}{:>14}"


def main() -> None:
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    image = read_image(options.image, options.size)
    height, width = image.shape[:2]
    print(f"{width} x {height} pixels, {options.iterations} iterations, {options.threads} threads,")
    print(f"best of {options.repeat}; milliseconds of {options.clock} time on {options.device}")
    columns = ("kernels, cold", "kernels, warm", "per iteration", "total, cold", "total, warm")
    print(ROW.format("solver", "labels", *columns))
    solvers: list[Backend] = ["numpy", "torch"]
    if find_spec("pydensecrf"):
        solvers.append("pydensecrf")
    for labels in options.labels:
        unary = unary_from_scores(random_scores(labels, height, width))
        for solver in solvers:
            config = CrfConfig(iterations=options.iterations, backend=solver)
            times = measure(image, unary, config, options)
            print(ROW.format(solver, labels, *(f"{1000 * t:.1f}" for t in times)))
    compare_binary(image, options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="500x375", help="WIDTHxHEIGHT")
    parser.add_argument("--labels", type=int, nargs="+", default=[4, 21])
    parser.add_argument("--sentences", type=int, default=10, help="binary fields on one image")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for busy machines")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="of the torch solver")
    parser.add_argument("--image", type=Path, help="a picture; default: smooth colors with noise")
    return parser.parse_args()


def measure(
    image: NDArray[np.uint8],
    unary: NDArray[np.float32],
    config: CrfConfig,
    options: argparse.Namespace,
) -> tuple[float, float, float, float, float]:
    """Return the seconds of the table's five columns."""

    def run(iterations: int) -> None:
        DenseCrf(image, replace(config, iterations=iterations), options.device).infer(unary)

    def run_cold() -> None:
        clear_lattice_cache()
        run(config.iterations)

    cold = best_time(run_cold, options.repeat, options.clock)
    warm = best_time(lambda: run(config.iterations), options.repeat, options.clock)
    once = best_time(lambda: run(1), options.repeat, options.clock)
    step = max(0.0, (warm - once) / max(1, config.iterations - 1))
    return cold - config.iterations * step, warm - config.iterations * step, step, cold, warm


def compare_binary(image: NDArray[np.uint8], options: argparse.Namespace) -> None:
    """Print what solving all sentences of an image together saves."""
    scores = random_scores(options.sentences, *image.shape[:2])
    unaries = unary_from_scores(np.stack([1 - scores, scores], axis=1))
    config = CrfConfig(iterations=options.iterations)

    def apart() -> None:
        for unary in unaries:
            DenseCrf(image, config, options.device).infer(unary)

    together = best_time(
        lambda: DenseCrf(image, config, options.device).infer_binary(unaries),
        options.repeat,
        options.clock,
    )
    separate = best_time(apart, 1, options.clock)
    print(
        f"{options.sentences} binary fields: {1000 * together:.0f} ms together, "
        f"{1000 * separate:.0f} ms one after the other"
    )


def best_time(action: Callable[[], object], repeat: int, clock: str) -> float:
    times = []
    for _ in range(repeat):
        start = CLOCKS[clock]()
        action()
        times.append(CLOCKS[clock]() - start)
    return min(times)


def read_image(path: Path | None, size: str) -> NDArray[np.uint8]:
    width, height = (int(side) for side in size.split("x"))
    if path is not None:
        return np.asarray(Image.open(path).convert("RGB").resize((width, height)))
    colors = 255 * random_scores(3, height, width, seed=1).transpose(1, 2, 0)
    noise = np.random.default_rng(2).normal(0, 4, colors.shape)
    return np.clip(colors + noise, 0, 255).astype(np.uint8)


def random_scores(count: int, height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    coarse = np.random.default_rng(seed).random((count, 24, 32))
    zoom = (1, height / 24, width / 32)
    scores: NDArray[np.float32] = ndimage.zoom(coarse, zoom, order=1).astype(np.float32)
    return scores.clip(0, 1)


if __name__ == "__main__":
    main()
