"""How long CaR takes, beside the passes of its encoders that nobody can avoid.

``python -m benchmarks.car_speed [--names 1 20 100 500] [--images 1 2 4 8] [--plain]``

Random weights of the published sizes (CAM tower ViT-B/16, classifier ViT-L/14), a 500x375 image,
texts warm. The floor is one B/16 pass at the CAM's size plus one L/14 pass per judged query,
measured in the same run with the same threads and precision. `--plain` also times the published
procedure, one query and one template at a time, on two queries and one template, and scales each
stage by the number of times it would run.
"""

from __future__ import annotations

import argparse
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.car_plain import PlainCar
from benchmarks.random_clip import random_clip
from lexiseg.io.image import read_image
from lexiseg.io.listing import list_images
from lexiseg.methods.car import CaR
from lexiseg.methods.car.background import background_words
from lexiseg.methods.car.classifier import IMAGE_BATCH
from lexiseg.methods.car.presets import find_preset
from lexiseg.methods.car.scene import fit_to_patches
from lexiseg.types import Result

STAGES = ("encode", "text", "cam", "prompts", "classifier", "crf")
SURVIVORS = 2  # a typical second step on Pascal VOC

ImageArray = NDArray[np.uint8]


def main() -> None:
    """Print the tables."""
    options = _read_options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    car = CaR(
        random_clip("B/16", options.dtype, options.device),
        random_clip("L/14", options.dtype, options.device, seed=1),
        find_preset("voc21").config(options.variant),
    )
    print(f"{_machine(car)}; {options.variant} variant; best of {options.repeats}; milliseconds\n")
    image = smooth_image(375, 500, seed=0)
    print(_head(("names", "judged", "total", "floor", "ratio", *STAGES, "peak MB")))
    for count in options.names:
        print(_row(time_names(car, image, count, options.repeats)))
    print("\n" + _head(("images", "ms per image")))
    for count in options.images:
        print(_row((count, time_images(car, count))))
    if options.photos:
        time_photos(car, options.photos)
    if options.plain:
        compare_with_plain(car, image, options.repeats)


def time_names(car: CaR, image: ImageArray, count: int, repeats: int) -> list[object]:
    """One row: the whole, its stages, and the floor beside it."""
    names = [f"thing {number}" for number in range(count)]
    tuned = keep_few(car, image, names)
    results, floors = [], []
    for _ in range(repeats):  # side by side, so that a busy machine hits both
        results.append(tuned.segment(image, names))
        floors.append(floor_ms(tuned, image, judged(results[-1])))
    best = min(results, key=lambda result: result.recipe.timing_ms["total"])
    spent, floor = best.recipe.timing_ms, min(floors)
    stages = [spent.get(stage, 0.0) for stage in STAGES]
    ratio = f"{spent['total'] / floor:.2f}"
    return [count, judged(best), spent["total"], floor, ratio, *stages, peak_mb()]


def keep_few(car: CaR, image: ImageArray, names: Sequence[str]) -> CaR:
    """Random weights score all names alike: put theta where `SURVIVORS` of them pass step 1.

    The first run also warms the texts.
    """
    result = car.configured(max_steps=1, theta=0.0).segment(image, names)
    scores = sorted((entry.score for entry in result.presence.values()), reverse=True)
    theta = sum(scores[SURVIVORS - 1 : SURVIVORS + 1]) / 2 if len(scores) > SURVIVORS else 0.0
    tuned = car.configured(theta=theta)
    tuned.segment(image, names)
    return tuned


def judged(result: Result) -> int:
    """Images that went through the classifier: all names, then the survivors unless alone."""
    if len(result.names) == 1:
        return 0
    survivors = sum("removed in step 1" not in entry.reason for entry in result.presence.values())
    return len(result.names) + (survivors if survivors > 1 else 0)


@torch.no_grad()
def floor_ms(car: CaR, image: ImageArray, judged_images: int) -> float:
    """One pass of the CAM tower and one classifier pass per judged image, in its batches."""
    tower = car.proposal.visual
    patch = tower.config.patch_size
    pixels = car.proposal.preprocessing.normalize(fit_to_patches(image, patch, patch))
    side = car.classifier.preprocessing.size
    squares = torch.zeros(judged_images, 3, side, side)
    return timed(
        lambda: (
            car.proposal.image_features(pixels),
            [car.classifier.image_features(part) for part in torch.split(squares, IMAGE_BATCH)]
            if judged_images
            else None,
        )
    )


def time_images(car: CaR, count: int) -> float:
    """Milliseconds per image for several different ones, 20 names."""
    names = [f"thing {number}" for number in range(20)]
    images = [smooth_image(375, 500, seed) for seed in range(count)]
    tuned = keep_few(car, images[0], names)
    return timed(lambda: [tuned.segment(image, names) for image in images]) / count


def time_photos(car: CaR, folder: Path) -> None:
    """Run real photographs through random weights: plumbing and speed."""
    names = [f"thing {number}" for number in range(20)]
    print("\n" + _head(("photograph", "size", "total ms")))
    for path in list_images([str(folder)]):
        result = car.segment(read_image(path), names)
        height, width = result.size_hw
        print(_row((path.name, f"{width}x{height}", result.recipe.timing_ms["total"])))


def compare_with_plain(car: CaR, image: ImageArray, repeats: int, count: int = 20) -> None:
    """Stage by stage: the published procedure against ours, `count` names, two steps."""
    names = [f"thing {number}" for number in range(count)]
    tuned = keep_few(car, image, names)
    results = [tuned.segment(image, names) for _ in range(repeats)]
    spent = min((r.recipe.timing_ms for r in results), key=lambda times: times["total"])
    plain = plain_ms(car, image, count)
    ours = {
        "trunk": spent["encode"],
        "cam": spent["cam"],
        "affinity": 0.0,  # part of our encode and cam
        "text": spent["text"],
        "prompts": spent["prompts"],
        "classifier": spent["classifier"],
        "crf": spent["crf"],
    }
    plain["crf"] = spent["crf"]
    print("\n" + _head(("stage", "published", "ours")))
    for stage, milliseconds in plain.items():
        print(_row((stage, milliseconds, ours[stage])))
    print(_row(("total", sum(plain.values()), spent["total"])))
    print(f"\nsaving: {sum(plain.values()) / spent['total']:.1f} x")


def plain_ms(car: CaR, image: ImageArray, count: int) -> dict[str, float]:
    """Time one step of two queries and one template, and scale each stage to the full run."""
    sample = ["thing 0", "thing 1"]
    background = background_words(["released"])
    config = replace(car.config, templates=car.config.templates[:1])
    plain = PlainCar(car.proposal, car.classifier, config)
    proposals = plain.propose(image, sample, background)
    cam_text = plain.watch.timing_ms.pop("text")
    plain.judge(image, sample, proposals)
    once: Mapping[str, float] = plain.watch.timing_ms
    queries, templates = count + SURVIVORS, len(car.config.templates)
    words = queries + 2 * len(background)
    return {
        "trunk": 2 * once["trunk"],
        "cam": queries * once["cam"] / 2,
        "affinity": queries * once["affinity"] / 2,
        "text": words * cam_text / (2 + len(background)) + templates * queries * once["text"] / 2,
        "prompts": queries * once["prompts"] / 2,
        "classifier": templates * queries * once["classifier"] / 2,
    }


def smooth_image(height: int, width: int, seed: int) -> ImageArray:
    """Random colored blobs with a little noise, so that the CRF has edges to follow."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    blobs = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = blobs + rng.normal(0, 6, blobs.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return 1000 * (perf_counter() - start)


def peak_mb() -> float:
    """Largest resident memory of this process so far, weights included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _machine(car: CaR) -> str:
    precision = str(car.proposal.dtype).removeprefix("torch.")
    return (
        f"{platform.machine()}, {car.proposal.device}, {precision}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )


def _head(columns: Sequence[str]) -> str:
    return f"{_row(columns)}\n|{'---|' * len(columns)}"


def _row(cells: Sequence[object]) -> str:
    shown = (f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in cells)
    return f"| {' | '.join(shown)} |"


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time CaR at the paper's sizes.")
    parser.add_argument("--names", type=int, nargs="*", default=[1, 20, 100, 500])
    parser.add_argument("--images", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--photos", type=Path, help="folder of pictures to run through")
    parser.add_argument("--plain", action="store_true", help="compare with the plain procedure")
    parser.add_argument("--variant", default="paper", choices=["paper", "released"])
    parser.add_argument("--repeats", type=int, default=2)
    add_machine_options(parser)
    return parser.parse_args()


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Where and how precisely to run."""
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")


if __name__ == "__main__":
    main()
