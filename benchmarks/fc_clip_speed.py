"""What FC-CLIP costs beside its networks: ``python -m benchmarks.fc_clip_speed --short 800``.

The floor is what no implementation can avoid: backbone, pixel decoder and mask decoder on one
picture. The total is a whole answer with all its views, once the texts are encoded; every string is
encoded once per program. Weights are random, at the published sizes of ConvNeXt-L.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from statistics import median
from time import process_time

import numpy as np
import torch

from benchmarks.tides_memory import peak_megabytes
from lexiseg.methods.mask_proposals import FcClip, FcClipConfig
from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import ConvClipConfig, ConvNextConfig
from lexiseg.models.fc_clip import HeadConfig, ProposalModel, ProposalNetwork, prepare
from lexiseg.training.mini.fc_clip.start import begin_decoders

CONTEXT = 16
TEXT = TextConfig(768, 1, 12, CONTEXT, 512, 768, activation="gelu")  # its cost is not measured
PICTURE = (480, 640)


def random_model() -> ProposalModel:
    """FC-CLIP on ConvNeXt-L with random weights."""
    torch.manual_seed(0)
    network = ProposalNetwork(ConvClipConfig(ConvNextConfig(), TEXT), HeadConfig())
    begin_decoders(network)

    def tokens(texts: list[str]) -> torch.Tensor:
        rows = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            codes = [byte % 500 for byte in text.encode()[-CONTEXT + 1 :]] + [511]
            row[: len(codes)] = torch.tensor(codes)
        return rows

    return ProposalModel(network, tokens)


@torch.no_grad()
def floor(model: ProposalModel, image: np.ndarray, config: FcClipConfig) -> None:
    """The networks alone."""
    pixels, _ = prepare(image, config.input_size, model.colors)
    network = model.network
    network.mask_decoder(network.pixel_decoder(network.clip.visual.levels(pixels)))


def timed(work: Callable[[], object]) -> float:
    """Seconds of the processor, which other programs do not lengthen."""
    start = process_time()
    work()
    return process_time() - start


def main() -> None:
    """Print one line per number of classes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", type=int, default=800, help="shorter side in pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--classes", type=int, nargs="+", default=[150, 600])
    asked = parser.parse_args()
    config = FcClipConfig(short_side=asked.short, long_side=asked.short * 1333 // 800)
    model = random_model()
    method = FcClip(model, config).configured(regions="ranked", semantic="every-pixel")
    image = np.random.default_rng(0).integers(0, 256, (*PICTURE, 3), dtype=np.uint8)
    for count in asked.classes:
        pairs = list(pairs_of(method, image, count, asked.repeats))
        ground, total = (median(column) for column in zip(*pairs, strict=True))
        ratio = median(whole / least for least, whole in pairs)
        print(
            f"{count} classes, shorter side {asked.short}: floor {ground:.2f} s, total {total:.2f} "
            f"s, ratio {ratio:.3f}, peak memory {peak_megabytes() / 1000:.1f} GB",
            flush=True,
        )


def pairs_of(
    method: FcClip, image: np.ndarray, classes: int, repeats: int
) -> Iterator[tuple[float, float]]:
    """Processor seconds of the floor and of an answer, by turns."""
    names = [f"thing {number}" for number in range(classes)]
    method.segment(method.encode(image), names)  # encodes the texts
    for _ in range(repeats):
        least = timed(lambda: floor(method.model, image, method.config))
        yield least, timed(lambda: method.segment(image, names))


if __name__ == "__main__":
    main()
