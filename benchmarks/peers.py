"""What a user would pick instead, beside CaR and TIDES: the same picture, the same run.

``python -m benchmarks.peers [--names 1 20 100] [--peers car clipseg ...] [--threads 1]``

Random weights of the published sizes through transformers, each system in a process of its own.
"picture" is what is done once per picture; each other column is the time of one question after
it, with the features of the names at hand. bfloat16 where the processor has it, but for the
detector, whose boxes it would move. Times are those of the processor (all threads together), so a
busy machine changes them little. What depends on answers is fixed: two names pass CaR's first
step, one box in three names is segmented behind OWLv2, TIDES prompts `--points` points.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Sam3Config
from transformers.initialization import no_init_weights

from benchmarks.random_clip import random_clip
from lexiseg.models.device import choose_dtype
from lexiseg.types.result import ImageArray

CONTEXT = 77
TIMED_PASSES = 2  # of SAM 3, which all are alike; more names are so many times one


@dataclass(frozen=True)
class Peer:
    """A system in two halves.

    Attributes:
        look: what is done once per picture.
        ask: answers a number of names about what `look` returned.
    """

    look: Callable[[ImageArray], Any]
    ask: Callable[[Any, int], object]


def size_of(text_config: Any) -> int:
    """Entries of the vocabulary of a configuration that transformers types loosely."""
    return int(text_config.vocab_size)


def build(model: Callable[[], nn.Module], dtype: torch.dtype) -> Any:
    """A network with random weights, made in its final precision."""
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    try:
        with no_init_weights():
            network = model().eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    for tensor in network.parameters():
        tensor.uniform_(-0.03, 0.03)
    return network


def random_ids(count: int, vocabulary: int, context: int = CONTEXT) -> Tensor:
    """Token ids (count, context) whose last is the largest, where CLIP's towers read."""
    ids = torch.randint(1, vocabulary - 2, (count, context))
    ids[:, -1] = vocabulary - 1
    return ids


def pixels_of(image: ImageArray, side: int, dtype: torch.dtype) -> Tensor:
    """The picture stretched to a square, (1, 3, side, side)."""
    whole = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255 - 0.5
    return nn.functional.interpolate(whole, (side, side), mode="bilinear").to(dtype)


def car(points: int) -> Peer:
    """CaR: CLIP B/16 proposes, L/14 judges."""
    from benchmarks.car_speed import keep_few
    from lexiseg.methods.car import CaR
    from lexiseg.methods.car.presets import find_preset

    settings = find_preset("voc21").config("paper")
    method = CaR(random_clip("B/16"), random_clip("L/14", seed=1), settings)
    tuned: dict[int, CaR] = {}

    def ask(image: ImageArray, count: int) -> object:
        names = [f"thing {number}" for number in range(count)]
        if count not in tuned:
            tuned[count] = keep_few(method, image, names)
        start = process_time()
        tuned[count].segment(image, names)
        return process_time() - start

    return Peer(lambda image: image, ask)


def tides(points: int) -> Peer:
    """TIDES: CLIP-Surgery on B/16, MobileSAM."""
    from benchmarks.tides_speed import TEMPLATES, leave_few, random_segmenter
    from lexiseg.methods.tides import Tides, TidesConfig
    from lexiseg.scorers.clip_surgery import ClipSurgery

    scorer = ClipSurgery(random_clip("B/16"), templates=TEMPLATES)
    config = TidesConfig(max_points=points, assignment="coverage")
    method = Tides(scorer, random_segmenter("mobile-sam", "cpu"), config)

    def ask(image: ImageArray, count: int) -> object:
        names = [f"thing {number}" for number in range(count)]
        few = leave_few(method, method.encode(image), names, 2)
        start = process_time()
        few.segment(image, names)
        return process_time() - start

    return Peer(lambda image: image, ask)


def clipseg(points: int) -> Peer:
    """CLIPSeg (rd64-refined): a map per name from blocks of B/16."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    config = CLIPSegConfig(
        vision_config={"patch_size": 16}, use_complex_transposed_convolution=True
    )
    dtype = choose_dtype("auto")
    network = build(lambda: CLIPSegForImageSegmentation(config), dtype)
    words = random_ids(100, size_of(config.text_config))
    texts = network.clip.get_text_features(words).pooler_output

    def look(image: ImageArray) -> list[Tensor]:
        seen = network.clip.vision_model(
            pixels_of(image, 352, dtype), interpolate_pos_encoding=True, output_hidden_states=True
        )
        return [seen.hidden_states[block + 1] for block in network.extract_layers]

    def ask(seen: list[Tensor], count: int) -> object:
        given = [block.expand(count, -1, -1) for block in seen]
        return network.decoder(given, texts[:count]).logits

    return Peer(look, ask)


def owlv2_sam(points: int) -> Peer:
    """OWLv2-B/16 finds boxes, SAM-B turns a third as many as there are names into masks."""
    from transformers import Owlv2Config, Owlv2ForObjectDetection, SamConfig, SamModel

    config = Owlv2Config(vision_config={"image_size": 960, "patch_size": 16})
    detector = build(lambda: Owlv2ForObjectDetection(config), torch.float32)
    dtype = choose_dtype("auto")
    sam = build(lambda: SamModel(SamConfig()), dtype)
    words = random_ids(100, size_of(config.text_config), 16)
    texts = detector.owlv2.get_text_features(input_ids=words).pooler_output

    def look(image: ImageArray) -> tuple[Tensor, Tensor, Tensor]:
        features, _ = detector.image_embedder(pixels_of(image, 960, torch.float32))
        patches = features.flatten(1, 2)
        boxes = detector.box_predictor(patches, features)
        return patches, boxes, sam.get_image_embeddings(pixels_of(image, 1024, dtype))

    def ask(seen: tuple[Tensor, Tensor, Tensor], count: int) -> object:
        patches, boxes, embedding = seen
        detector.class_predictor(patches, texts[None, :count])
        chosen = boxes[:, : -(-count // 3)] * 1024
        return sam(input_boxes=chosen.to(dtype), image_embeddings=embedding).pred_masks

    return Peer(look, ask)


def sam3(points: int) -> Peer:
    """SAM 3: the picture once, then one pass of detector and mask head per name."""
    # Its module asks for torchvision, which serves box prompts alone, unless it is named in full.
    home = import_module("transformers.models.sam3.modeling_sam3")
    dtype = choose_dtype("auto")
    network = build(lambda: home.Sam3Model(Sam3Config()), dtype)
    vocabulary = network.config.text_config.vocab_size
    words = random_ids(1, vocabulary, network.config.text_config.max_position_embeddings)
    text = network.get_text_features(input_ids=words, return_dict=True)

    def ask(seen: Any, count: int) -> object:
        start, passes = process_time(), min(count, TIMED_PASSES)
        for _ in range(passes):
            network(vision_embeds=seen, text_embeds=text)
        return (process_time() - start) * count / passes

    return Peer(lambda image: network.get_vision_features(pixels_of(image, 1008, dtype)), ask)


PEERS: dict[str, Callable[[int], Peer]] = {
    "car": car, "tides": tides, "clipseg": clipseg, "owlv2+sam": owlv2_sam, "sam3": sam3,
}  # fmt: skip


@torch.no_grad()
def measure(name: str, counts: Sequence[int], points: int, image: ImageArray) -> str:
    """One row of the table."""
    peer = PEERS[name](points)
    start = process_time()
    seen = peer.look(image)
    cells = ["-" if seen is image else f"{process_time() - start:.2f}"]
    for count in counts:
        start = process_time()
        answer = peer.ask(seen, count)
        spent = answer if isinstance(answer, float) else process_time() - start
        cells.append(f"{spent:.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"| {name} | {' | '.join(cells)} | {peak:.1f} |"


def main() -> None:
    """Print the table; a row per process."""
    options = _read_options()
    from benchmarks.car_speed import smooth_image

    if options.row:
        torch.set_num_threads(options.threads)
        image = smooth_image(375, 500, seed=0)
        print(measure(options.peers[0], options.names, options.points, np.asarray(image)))
        return
    columns = [f"{count} names" for count in options.names]
    print(f"| seconds | picture | {' | '.join(columns)} | GB |")
    print("|---" * (len(columns) + 3) + "|", flush=True)
    given = ["--threads", options.threads, "--points", options.points, "--names", *options.names]
    for name in options.peers:
        command = [sys.executable, "-m", "benchmarks.peers", "--row", "--peers", name, *given]
        subprocess.run([str(part) for part in command], check=True, env=os.environ)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--names", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--points", type=int, default=256, help="prompts of TIDES")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
