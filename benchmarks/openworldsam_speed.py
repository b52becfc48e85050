"""How long OpenWorldSAM takes part by part, beside the passes that nobody can avoid.

``python -m benchmarks.openworldsam_speed [--prompts 1 6 20] [--layout one_token] [--size small]``

Random weights of the published sizes (Hiera-L at 1024 pixels, BEiT-3 large, 20 queries a prompt), a
picture of two megapixels. The floor is the bare networks in the same run: transformers' SAM 2
encoder once, BEiT-3 once per prompt, transformers' mask decoder with one token per query. The plain
transcription of the released program is those same passes for every question, with the picture's
features repeated for every query and all masks at full size at once; its masks must be ours in the
layout of one token. Seconds are those of the processor, so that other programs do not count; on an
accelerator, of the clock. Random scores are about a half, and no answer is dropped by its score:
that is the most that post-processing can have to do. ``--size small`` is for a quick look.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter, process_time
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.car_speed import smooth_image
from lexiseg.methods.openworldsam import OpenWorldSam, OpenWorldSamConfig, Scene
from lexiseg.methods.openworldsam.decoding import decode
from lexiseg.models.beit3 import Beit3, Beit3Config, Beit3Network
from lexiseg.models.device import choose_device
from lexiseg.models.openworldsam import Adapter, AdapterConfig
from lexiseg.models.sam import FAMILIES, Preprocessing
from lexiseg.models.sam.hq_sam2.config import HQ_SAM2
from lexiseg.models.sam.modules import ImageEmbedder

SAM2_SIZES = {
    "published": HQ_SAM2["large"],
    "small": replace(
        HQ_SAM2["large"], width=24, heads=1, depths=(1, 2, 3, 1), global_blocks=(5,), frame=256
    ),
}
BEIT3_SIZES = {"published": Beit3Config(), "small": Beit3Config(128, 4, 2, 512)}
PICTURE_HW = {"published": (1224, 1632), "small": (306, 408)}
WORDS = 4  # tokens of a prompt between its first and last
OutcomeT = TypeVar("OutcomeT")


class FixedTokens:
    """Stands where BEiT-3 has a tokenizer: a prompt is its number, in a few tokens."""

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids (P, T), and (P, T) bool, nowhere padded."""
        numbers = torch.tensor([[int(text)] for text in texts])
        rows = [numbers.new_zeros(len(texts), 1), numbers + 4 + torch.arange(WORDS)]
        tokens = torch.cat([*rows, numbers.new_full((len(texts), 1), 2)], dim=1)
        return tokens, torch.zeros_like(tokens, dtype=torch.bool)


@dataclass(frozen=True)
class Bench:
    """The method, and transformers' network inside it."""

    method: OpenWorldSam
    sam2: nn.Module
    device: torch.device

    def timed(self, work: Callable[[], OutcomeT]) -> tuple[OutcomeT, float]:
        """Outcome and seconds."""
        on_gpu = self.device.type == "cuda"
        clock = perf_counter if on_gpu else process_time
        start = clock()
        outcome = work()
        if on_gpu:
            torch.cuda.synchronize()
        return outcome, clock() - start


def main() -> None:
    """Print a table per number of prompts."""
    options = _read_options()
    torch.set_num_threads(options.threads)
    bench = build(options.size, options.layout, choose_device(options.device))
    height, width = PICTURE_HW[options.size]
    image = smooth_image(height, width, seed=0)
    scene, encode = bench.timed(lambda: bench.method.encode(image))
    pixels = bench.method.segmenter.preprocessing(image).to(bench.device)
    _, hiera = bench.timed(lambda: bare_encoder(bench, pixels))
    print(f"{options.size}, {options.layout}, {bench.device}, picture {height} x {width}")
    print(f"  encode {encode:.2f} s; bare image encoder {hiera:.2f} s")
    for count in options.prompts:
        measure(bench, scene, [str(number) for number in range(count)], encode, hiera)
        scene = bench.method.encode(image) if count != options.prompts[-1] else scene


def measure(
    bench: Bench, scene: Scene, prompts: Sequence[str], encode: float, hiera: float
) -> None:
    """Ask some prompts cold and warm, and compare with floor and transcription."""
    method = bench.method
    first, cold = bench.timed(lambda: method.segment(scene, list(prompts)))
    again, warm = bench.timed(lambda: method.segment(scene, list(prompts)))
    assert first.instances.items == again.instances.items
    vectors, beit3 = bench.timed(lambda: bare_beit3(method.encoder, scene.image, prompts))
    plain, decoder = bench.timed(lambda: plain_decoder(bench, scene, vectors))
    _, resizing = bench.timed(lambda: plain_views(plain, scene.size_hw))
    ours = decode(scene.embedding, vectors, method.adapter, method.segmenter, method.config)
    floor, released = hiera + beit3 + decoder, hiera + beit3 + decoder + resizing
    spent = first.recipe.timing_ms
    views = sum(spent[name] for name in ("semantic", "panoptic", "instances"))
    share = views / (spent["encode"] + spent["segment"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(prompts)} prompts, {len(ours)} queries")
    print(f"  floor {floor:.2f} s: encoder {hiera:.2f}, BEiT-3 {beit3:.2f}, decoder {decoder:.2f}")
    total = encode + cold
    print(f"  ours {total:.2f} s = {total / floor:.2f} x floor; views {share:.1%}")
    print(f"  asked again {warm:.2f} s; transcription {released:.2f} s = {released / warm:.1f} x")
    print(f"  cold the transcription takes {released / total:.2f} x as long")
    gap = (ours.logits - plain).abs().max() / plain.abs().max()
    differing = ((ours.logits > 0) != (plain > 0)).float().mean()
    print(f"  masks differ in {differing:.2e} of their pixels, logits by {gap:.1e} of the largest")
    stages = ", ".join(f"{name} {ms / 1000:.2f}" for name, ms in spent.items())
    print(f"  by the clock: {stages} s; most memory {peak:.1f} GB, weights included")


def build(size: str, layout: str, device: torch.device) -> Bench:
    """All networks with random weights."""
    torch.manual_seed(0)
    settings = SAM2_SIZES[size].to_huggingface().to_dict()
    sam2 = randomize(FAMILIES["sam2"].build(settings, device="cpu")).to(device)
    frame = Preprocessing(SAM2_SIZES[size].frame, keep_aspect=False, antialias=False)
    segmenter = FAMILIES["sam2"].assemble(sam2, frame)
    encoder = Beit3(randomize(Beit3Network(BEIT3_SIZES[size])).to(device), FixedTokens())  # type: ignore[arg-type]
    adapter = Adapter(AdapterConfig(encoder.width)).to(device).eval()
    config = OpenWorldSamConfig(layout=layout, scope="joint", min_score=0.0)  # type: ignore[arg-type]
    return Bench(OpenWorldSam(encoder, adapter, segmenter, config), sam2, device)


@torch.no_grad()
def randomize(network: nn.Module) -> nn.Module:
    """Weights that keep the size of what passes."""
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=parameter[0].numel() ** -0.5)
        else:
            parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return network.eval()


@torch.no_grad()
def bare_encoder(bench: Bench, pixels: Tensor) -> object:
    """Feature maps of normalised pixels by transformers' network."""
    return cast(ImageEmbedder, bench.sam2).get_image_embeddings(pixels)


def bare_beit3(encoder: object, image: object, prompts: Sequence[str]) -> Tensor:
    """(P, D) of a picture with each prompt, the network alone."""
    assert isinstance(encoder, Beit3) and encoder.tokenizer is not None
    pixels = encoder.prepare(image)  # type: ignore[arg-type]
    tokens, _ = encoder.tokenizer(prompts)
    with torch.no_grad():
        rows = [encoder.network(pixels, row[None].to(encoder.device))[:, 0] for row in tokens]
    return torch.cat(rows).float()


@torch.no_grad()
def plain_decoder(bench: Bench, scene: Scene, vectors: Tensor) -> Tensor:
    """(N, h, w) masks by transformers' decoder, the picture repeated for every query."""
    fine, half, coarse = scene.embedding.maps
    prompts = bench.method.segmenter.prompts
    tokens = bench.method.adapter(vectors, scene.picture).tokens("one_token", "joint")
    step = bench.method.segmenter.prompts_at_once
    drawn = []
    for part in tokens.split(step):
        count = len(part)
        position = prompts.position().to(coarse.dtype).repeat(count, 1, 1, 1)
        dense = (
            prompts.no_mask.to(coarse.dtype).view(1, -1, 1, 1).expand(count, -1, *coarse.shape[2:])
        )
        features = [level.repeat(count, 1, 1, 1) for level in (fine, half)]
        logits, *_ = bench.sam2.mask_decoder(  # type: ignore[operator]
            coarse.repeat(count, 1, 1, 1), position, part[:, None].to(coarse.dtype), dense,
            False, features,
        )  # fmt: skip
        drawn.append(logits[:, 0, 0])
    return torch.cat(drawn)


def plain_views(logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """What the released program begins all its views with: every mask at full size."""
    return F.interpolate(logits[None], size_hw, mode="bilinear", align_corners=False).sigmoid_()


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--prompts", type=int, nargs="+", default=[1, 6, 20])
    parser.add_argument("--layout", choices=("one_token", "released"), default="one_token")
    parser.add_argument("--size", choices=tuple(SAM2_SIZES), default="published")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
