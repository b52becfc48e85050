"""What CaR's prefilter saves and costs with a long vocabulary: ``python -m benchmarks.prefilter``.

The bundled pair on scenes of Miniworld's validation split, all thing names asked of each. Images
are encoded and texts warm; the time is that of the question alone.
"""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import torch

import lexiseg
from benchmarks.car_speed import add_machine_options
from lexiseg.datasets.miniature import SIDE, DrawnScenes, MiniworldScenes
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.evaluation.tasks.semantic import score_scene, summarize

SEED = 77


def main() -> None:
    """Print time, mIoU and presence correlation without and with the prefilter."""
    options = _read_options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    world = Miniworld("val", size=SIDE, seed=SEED)
    scenes = DrawnScenes(world, options.scenes)
    dataset = MiniworldScenes(scenes, asked=len(world.thing_names))
    method = lexiseg.load("car", preset="mini", device=options.device, dtype=options.dtype)
    print(f"{options.scenes} scenes, {dataset.asked} names, {torch.get_num_threads()} threads")
    print("| prefilter | s per scene | mIoU | presence MCC |\n|---|---|---|---|")
    for margin in (None, options.margin):
        seconds, scores = measure(method.configured(prefilter=margin), dataset)
        values = f"{100 * scores['miou']:.1f} | {scores['presence_mcc']:.2f}"
        print(f"| {margin or 'off'} | {seconds:.2f} | {values} |")


def measure(method: Any, dataset: MiniworldScenes) -> tuple[float, dict[str, float]]:
    """Seconds per question and the scores of all answers."""
    samples = [dataset[number] for number in range(len(dataset))]
    encoded = [method.encode(sample.image) for sample in samples]
    score_scene(method, encoded[0], samples[0], dataset.classes)  # texts and kernels are warm
    began = perf_counter()
    records = [
        score_scene(method, scene, sample, dataset.classes)
        for scene, sample in zip(encoded, samples, strict=True)
    ]
    seconds = (perf_counter() - began) / len(samples)
    return seconds, dict(summarize(records, dataset).scores)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--margin", type=float, default=6.0, help="of the prefilter")
    add_machine_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
