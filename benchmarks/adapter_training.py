"""How much of a training step of OpenWorldSAM's adapter is not forward and backward passes.

``python -m benchmarks.adapter_training [--pictures 8] [--prompts 6] [--steps 5]``

The bundled networks on Miniworld's scenes, with what the frozen networks make of them kept. The
floor is the same passes of the same batches with a loss that costs nothing, the mean of all masks;
a step is drawing the texts, the passes, matching, losses, clipping and AdamW. Seconds of the
processor, of which there is one thread.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import torch

from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.models.beit3 import Beit3
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.openworldsam import load_adapter, load_sam2
from lexiseg.training.mini.openworldsam.recipe import SIDE, mini_training
from lexiseg.training.openworldsam.features import FeatureCaching, Features
from lexiseg.training.openworldsam.learner import AdapterLearner
from lexiseg.training.openworldsam.networks import FrozenNetworks
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples


def main() -> None:
    """Print seconds of a step and of its floor."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=6)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        learner = build(Path(folder), options.pictures, options.prompts)
        learner.advance(0.0)  # keeps all that the frozen networks make
        steps, floors = [], []
        for _ in range(options.steps):
            learner.step = 0
            floors.append(timed(lambda: bare_passes(learner)))
            steps.append(timed(lambda: learner.advance(0.0)))
    step, floor = min(steps), min(floors)
    print(f"{options.pictures} pictures, {options.prompts} prompts at most, one thread")
    print(f"  step {step:.2f} s, its passes alone {floor:.2f} s: {step / floor:.2f} x")


def build(folder: Path, pictures: int, prompts: int) -> AdapterLearner:
    """The bundled adapter before its next step, on scenes written to a folder."""
    write_miniworld(folder, pictures, Miniworld("train", SIDE, 0, (4, 6)))
    examples, _ = open_examples(DataChoice(folder, "panoptic", "train"))
    networks = FrozenNetworks(
        load_sam2(bundled_folder("mini-sam2"), "cpu"),
        Beit3.load(bundled_folder("mini-beit3"), "cpu"),
    )
    adapter, _ = load_adapter(bundled_folder("mini-openworldsam"))
    config = replace(mini_training(0, negatives=False), batch=pictures, prompts=prompts)
    features = Features(networks, FeatureCaching(maps="memory"))
    return AdapterLearner(config, adapter, features, examples)


def bare_passes(learner: AdapterLearner) -> None:
    """Forward and backward of the step that is next, picture by picture."""
    for asked in learner.batches.of_step(learner.step):
        torch.autograd.backward(learner.answers(asked).logits.mean())


def timed(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    start = process_time()
    work()
    return process_time() - start


if __name__ == "__main__":
    main()
