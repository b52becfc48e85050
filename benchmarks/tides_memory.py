"""What TIDES itself needs beside its networks: ``python -m benchmarks.tides_memory``.

Stand-ins take the place of both networks: features of noise for every window; and for every point
three disks, a part, an object and a group, no two quite alike, as low-resolution maps of SAM's
size. So nothing but TIDES' own work is timed, and the peak memory is that of Python and its
libraries plus what TIDES holds. 3 667 points of a 512x384 image are 11 001 masks, and noise makes
nearly each of them a proposal of every class. ``--objects 1000`` is a crowd.
"""

from __future__ import annotations

import argparse
import math
import resource
from collections.abc import Iterator, Sequence
from time import process_time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.car_speed import smooth_image
from lexiseg.methods.tides import Scene, Tides, TidesConfig
from lexiseg.methods.tides.class_filter import Verdict
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.steps import Steps
from lexiseg.models.sam import Preprocessing
from lexiseg.ops.resizing import resize_from_frame
from lexiseg.types import Candidates, DenseFeatures, ImageEmbedding

RADII = (0.25, 0.5, 1.5)  # of a part, an object and a group, in distances between objects
LOW_SIDE = 256


class NoiseScorer:
    """Features of ViT-B/16's shape that mean nothing."""

    input_size, patch_size, width = 224, 16, 512
    device = torch.device("cpu")

    def normalize(self, images: Tensor) -> Tensor:
        """Leave pixels as they are."""
        return images

    def encode(self, pixels: Tensor) -> DenseFeatures:
        """Random directions."""
        side = self.input_size // self.patch_size
        patches = F.normalize(torch.randn(len(pixels), side, side, self.width), dim=-1)
        wholes = F.normalize(patches.mean(dim=(1, 2)), dim=-1)
        return DenseFeatures(patches, wholes, wholes)

    def score(self, features: DenseFeatures, texts: Tensor) -> Tensor:
        """Cosines."""
        return features.patches @ texts.T

    def embed_texts(self, names: Sequence[str]) -> Tensor:
        """Random directions, the same for the same number of names."""
        generator = torch.Generator().manual_seed(0)
        return F.normalize(torch.randn(len(names), self.width, generator=generator), dim=-1)


class DiskSegmenter:
    """Objects stand on a square grid; a point is answered by disks around the nearest one.

    Args:
        objects: about so many in a square of low-resolution maps.
    """

    prompts_at_once = 64
    preprocessing = Preprocessing()

    def __init__(self, objects: int) -> None:
        self.distance = LOW_SIDE / math.sqrt(objects)

    def encode(self, image: np.ndarray) -> ImageEmbedding:
        """Only the geometry."""
        return ImageEmbedding(self.preprocessing.frame((image.shape[0], image.shape[1])), ())

    def predict(self, embedding: ImageEmbedding, *, points: Any = None, **_: Any) -> Candidates:
        """Logits (P, 3, 256, 256) and scores."""
        frame = embedding.frame
        scale = torch.tensor(frame.scale_xy) * LOW_SIDE / frame.frame_hw[0]
        asked = (torch.as_tensor(points)[:, 0] * scale).float() / self.distance
        jitter = 0.1 * torch.randn(asked.shape)
        x, y = (self.distance * (asked.floor() + 0.5 + jitter)).T[..., None]
        pixels = torch.arange(LOW_SIDE) + 0.5
        squares = (pixels - y).square()[:, :, None] + (pixels - x).square()[:, None]
        radii = self.distance * torch.tensor(RADII).view(1, -1, 1, 1)
        scores = torch.rand(len(x), len(RADII))
        return Candidates(radii.square() - squares[:, None], scores)

    def predict_chunks(
        self, embedding: ImageEmbedding, *, points: Any = None, **_: Any
    ) -> Iterator[Candidates]:
        """The same, some points at a time."""
        for part in torch.split(torch.as_tensor(points), self.prompts_at_once):
            yield self.predict(embedding, points=part)

    def full_size(self, logits: Tensor, embedding: ImageEmbedding) -> Tensor:
        """As SAM does."""
        return resize_from_frame(logits, embedding.frame, through=True)


def keep_first(count: int) -> Any:
    """Step B that keeps so many classes."""

    def judge(scene: Scene, question: Question, config: TidesConfig) -> list[Verdict]:
        window = (config.windows[0], 0, 0)
        return [Verdict(n < count, 0.0, 0.0, window) for n in range(len(question.names))]

    return judge


def main() -> None:
    """Ask once and print where time and memory went."""
    options = _read_options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    torch.manual_seed(0)
    points = math.ceil(options.proposals / len(RADII))
    config = TidesConfig(max_points=points, assignment="coverage")
    steps = Steps(classes=keep_first(options.survivors))
    tides = Tides(NoiseScorer(), DiskSegmenter(options.objects), config, steps=steps)
    names = [f"thing {number}" for number in range(options.names)]
    before, start = peak_megabytes(), process_time()
    scene = tides.encode(smooth_image(384, 512, seed=0))
    result = tides.segment(scene, names)
    spent, peak = process_time() - start, peak_megabytes()
    print(
        f"512x384 pixels, {options.names} names, {options.survivors} of them prompted, "
        f"{scene.masks.decoded} points, {len(RADII) * scene.masks.decoded} proposals"
    )
    for stage, milliseconds in result.recipe.timing_ms.items():
        stand_in = stage in ("encode", "C: decoder")
        print(f"  {stage:22s} {milliseconds:10.1f} ms{' (with stand-in)' if stand_in else ''}")
    print(f"  {len(result.instances)} objects; {spent:.1f} s of processor time")
    print(f"  packed masks {scene.masks.megabytes:.1f} MB")
    print(f"  peak memory {peak:.0f} MB, {before:.0f} MB of them before the image was read")


def peak_megabytes() -> float:
    """Most memory the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--proposals", type=int, default=11_000)
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--names", type=int, default=80)
    parser.add_argument("--survivors", type=int, default=8, help="names that pass step B")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
