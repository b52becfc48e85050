"""How long TIDES takes step by step, beside the passes that nobody can avoid.

``python -m benchmarks.tides_speed [--segmenter mobile-sam sam-vit-b] [--names 80] [--points 256]``

Random weights of the published sizes (CLIP-Surgery on ViT-B/16), a 512x384 image. The floor is the
same run's image encoders on all windows and on the image, and the decoder on every prompted point.
Texts are warm, so that one template stands for the ensemble. `benchmarks.tides_memory` has what
TIDES does itself, `benchmarks.decoder_speed` the decoder beside the plain one.
Random weights find all names alike; so words are added to the background until few names pass step
B (`--survivors`), as few of 80 names are in a photograph.
`--points 3667` makes 11 001 proposals. `--points 0` prompts every foreground cell; since random
weights see foreground anywhere, that is an upper bound. `--side` shrinks the image and its windows
for a quick look.
"""

from __future__ import annotations

import argparse
import resource
from dataclasses import replace
from time import perf_counter

import torch
from torch import nn
from transformers import SamConfig, SamModel

from benchmarks.car_speed import smooth_image
from benchmarks.random_clip import random_clip
from lexiseg.methods.tides import Tides, TidesConfig
from lexiseg.methods.tides.class_filter import judge_classes
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.scene import Scene
from lexiseg.models.sam import FAMILIES, Preprocessing, Segmenter
from lexiseg.models.sam.mobile_sam.config import MOBILE_SAM
from lexiseg.models.sam.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.sam.variant import PromptingConfig, SamVariant
from lexiseg.scorers.clip_surgery import ClipSurgery
from lexiseg.types import Vocabulary

ENCODERS = ("encode", "C: decoder")
TEMPLATES = ("a photo of a {}.",)


def main() -> None:
    """Print a table per segmenter."""
    options = _read_options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    clip = random_clip("B/16", options.dtype, options.device)
    scorer = ClipSurgery(clip, templates=TEMPLATES)
    scale = options.side / 512
    config = TidesConfig(
        long_side=options.side,
        windows=tuple(max(round(side * scale / 56), 1) * 56 for side in (112, 168, 224)),
        max_points=options.points,
        assignment="coverage",  # so that steps D and E have something to do
    )
    image = smooth_image(round(384 * scale), options.side, seed=0)
    names = [f"thing {number}" for number in range(options.names)]
    for kind in options.segmenter:
        tides = Tides(scorer, random_segmenter(kind, options.device), config)
        print(f"\n{kind}, {image.shape[1]}x{image.shape[0]} pixels, {options.names} names")
        tides.segment(smooth_image(64, 96, seed=1), names)  # texts warm, kernels chosen
        scene = tides.encode(image)
        report(leave_few(tides, scene, names, options.survivors), scene, names)


def leave_few(tides: Tides, scene: Scene, names: list[str], survivors: int) -> Tides:
    """Give the background words until at most so many names are louder somewhere."""
    words = 1
    while True:
        config = replace(tides.config, background=tuple(f"nothing {n}" for n in range(words)))
        question = Question.ask(Vocabulary.parse(names), tides.scorer, config)
        verdicts = judge_classes(scene, question, config)
        if sum(verdict.kept for verdict in verdicts) <= survivors or words > 1000:
            return Tides(tides.scorer, tides.segmenter, config)
        words *= 2


def report(tides: Tides, scene: Scene, names: list[str]) -> None:
    """Time one question, the floor, and a second question to the same scene."""
    spent = tides.segment(scene, names).recipe.timing_ms
    points = scene.masks.decoded
    for stage, milliseconds in spent.items():
        print(f"  {stage:22s} {milliseconds:10.1f} ms")
    passes = sum(spent[stage] for stage in ENCODERS if stage in spent)
    rest = spent["total"] - passes
    print(f"  {len(scene.windows.windows)} windows, {points} points, {3 * points} masks")
    if points:
        print(f"  decoder and pooling: {spent['C: decoder'] / points:.1f} ms per point")
    print(f"  all but encoders and decoder: {rest:.1f} ms, {100 * rest / spent['total']:.1f} %")
    start = perf_counter()
    tides.segment(scene, [*names, "one more"])
    print(f"  one more name on the scene: {1000 * (perf_counter() - start):.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:.0f} MB, packed masks {scene.masks.megabytes:.1f} MB")


def random_segmenter(kind: str, device: str) -> Segmenter:
    """A segmenter of the published size with random weights."""
    torch.manual_seed(0)
    place = "cuda" if device == "auto" and torch.cuda.is_available() else device
    place = "cpu" if place == "auto" else place
    if kind == "mobile-sam":
        small = SamVariant(TinyVit(MOBILE_SAM), PromptingConfig())
        return small.segmenter(Preprocessing(), place)
    network: nn.Module = SamModel(SamConfig())
    return FAMILIES["sam"].assemble(network.to(place), Preprocessing())


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--segmenter", nargs="+", default=["mobile-sam", "sam-vit-b"])
    parser.add_argument("--names", type=int, default=80)
    parser.add_argument("--points", type=int, default=256)
    parser.add_argument("--survivors", type=int, default=8, help="names that pass step B at most")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
