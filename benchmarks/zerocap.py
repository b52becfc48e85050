"""How long one token of ZeroCap takes: ``python -m benchmarks.zerocap [--segments 20]``.

Random weights: a text tower of ViT-L/14's size, a GPT-2 of the chosen size. All beams of all
segments take one step at the second position (the first is cheaper, since all segments share its
texts). The plain procedure sends every candidate text of every iteration through all 77 positions;
that is timed on a few texts and multiplied. Two made-up tokenizers stand in for the published
ones: CLIP's takes a token for every five letters of a word.

At the end a small search is compared with the plain procedure, beam by beam.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from itertools import islice
from time import perf_counter, process_time
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GPT2Config, GPT2Model

from benchmarks.random_clip import SIZES
from benchmarks.zerocap_plain import PlainZeroCap
from lexiseg.captioners import ZeroCap
from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.captioners.word_list import read_words
from lexiseg.config import override
from lexiseg.models.clip import Clip, ClipNetwork, Preprocessing, VisionConfig
from lexiseg.models.device import choose_device
from lexiseg.models.gpt2 import Gpt2, Gpt2Network, Gpt2Tokenizer

LANGUAGE_MODELS = {"tiny": (2, 128, 2), "small": (12, 768, 12), "medium": (24, 1024, 16)}
CONTEXT, START, END = 77, 49406, 49407
LETTERS = 5
TAILS = ("", "s", "ly", "er", "ed", "ful", "ish", "ist", "ness", "ing", "less", "ment", "able")
CHECK = {"beams": 2, "max_tokens": 2, "iterations": 2, "candidates": 8}


class MadeUpTokens:
    """Stands in for GPT-2's tokenizer: every token is a word, with or without a blank before it."""

    start = 0

    def __init__(self, count: int) -> None:
        words = {word for entry in read_words("everyday") for word in entry.split()}
        words -= {"Image", "of", "a"}
        spelled = (
            f"{blank}{word}{tail}"
            for tail in TAILS
            for word in sorted(words)
            for blank in (" ", "")
        )
        self.pieces = ("<start>", ".", "Image", " of", " a", *islice(spelled, count - 5))

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Token ids of known words."""
        return [
            self.pieces.index(f" {word}" if place else word)
            for place, word in enumerate(text.split())
        ]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        return "".join(self.pieces[token] for token in tokens)


def made_up_clip_tokens(texts: Sequence[str]) -> Tensor:
    """One token for every five letters of a word, (N, 77)."""
    ids = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        words = text.lower().split()
        parts = [w[k : k + LETTERS] for w in words for k in range(0, len(w), LETTERS)]
        tokens = [START, *(1 + zlib.crc32(part.encode()) % 49000 for part in parts), END]
        row[: len(tokens)] = torch.tensor(tokens)
    return ids


class Stage:
    """Calls something and keeps the time."""

    def __init__(self, run: object) -> None:
        self.run, self.seconds, self.items = run, 0.0, 0

    def __call__(self, items: list[str]) -> Tensor:
        """Call, and count items and processor time."""
        start = process_time()
        result: Tensor = self.run(items)  # type: ignore[operator]
        self.seconds += process_time() - start
        self.items += len(items)
        return result


@torch.no_grad()
def main() -> None:
    """Print the table."""
    options = _read_options()
    torch.set_num_threads(options.threads)
    clip = random_text_clip(options.device)
    zerocap = ZeroCap(clip, random_gpt2(options.gpt2, clip.device), beams=options.beams)
    texts, encoded = time_texts(zerocap)
    images = F.normalize(torch.randn(options.segments, 768, device=clip.device), dim=-1)
    search = zerocap._search
    front = search.advance(search.begin(zerocap._prompt, images))
    texts.seconds = encoded.seconds = 0.0
    texts.items = encoded.items = 0
    start, wall = process_time(), perf_counter()
    search.advance(front)
    total, wall = process_time() - start, perf_counter() - wall
    each = plain_seconds(clip, options.plain_texts)
    plain = each * texts.items
    print(f"text tower 12 x 768, GPT-2 {options.gpt2}, {clip.device}, {options.threads} thread(s)")
    print(f"{options.segments} segments x {options.beams} beams, one token; processor seconds")
    print(f"candidate texts {texts.items}, encoded {encoded.items}; wall {wall:.1f} s")
    print(f"text side                  {texts.seconds:10.1f} s")
    print(f"language model and rest    {total - texts.seconds:10.1f} s")
    print(f"text side, plain procedure {plain:10.1f} s  ({1000 * each:.0f} ms for each text,")
    print(f"                                         timed on {options.plain_texts} of them)")
    print(f"ratio                      1 / {plain / texts.seconds:.1f}")
    print(f"beams equal the plain procedure's: {beams_are_equal(zerocap)}")


def time_texts(zerocap: ZeroCap) -> tuple[Stage, Stage]:
    """Put clocks before the text side of a captioner and before what it really encodes."""
    scores, memory = zerocap._search.scores, zerocap._texts._memory
    texts, encoded = Stage(zerocap._texts), Stage(memory._encode)
    scores.encode, memory._encode = texts, encoded  # type: ignore[attr-defined]
    return texts, encoded


def plain_seconds(clip: Clip, count: int) -> float:
    """Processor time per text of the plain procedure."""
    plain = PlainZeroCap(clip, cast(Gpt2, None), ZeroCapConfig())
    sentences = [f"Image of a {word}" for word in read_words("everyday")[:count]]
    plain.encode(sentences[:1])
    start = process_time()
    plain.encode(sentences)
    return (process_time() - start) / count


def beams_are_equal(zerocap: ZeroCap) -> bool:
    """Two segments, two tokens and a few candidates, both ways, on the same networks."""
    small = ZeroCap(zerocap.clip, zerocap.model, **CHECK)
    plain = PlainZeroCap(zerocap.clip, zerocap.model, override(ZeroCapConfig(), CHECK))
    images = F.normalize(torch.randn(2, 768, device=zerocap.clip.device), dim=-1)
    ours = [beams.captions()[0] for beams in small._search(small._prompt, images)]
    with torch.enable_grad():
        return ours == [plain.captions(image) for image in images]


def random_text_clip(device: str) -> Clip:
    """L/14's text tower beside an image tower that nobody asks."""
    torch.manual_seed(0)
    vision = VisionConfig(64, 1, 1, patch_size=8, image_size=8, embed_dim=768)
    network = ClipNetwork(vision, SIZES["L/14"][1])
    return Clip(
        network.to(choose_device(device)), made_up_clip_tokens, Preprocessing(8), "random", "0"
    )


def random_gpt2(size: str, device: torch.device) -> Gpt2:
    """A GPT-2 with its vocabulary of 50257, as far as the made-up words reach."""
    layers, width, heads = LANGUAGE_MODELS[size]
    words = MadeUpTokens(50257)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=50257, n_positions=64, n_embd=width, n_layer=layers, n_head=heads
    )
    network = Gpt2Network(GPT2Model(config)).to(device)
    return Gpt2(network, cast(Gpt2Tokenizer, words), f"random {size}", "0")


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time one token step of ZeroCap.")
    parser.add_argument("--segments", type=int, default=20)
    parser.add_argument("--beams", type=int, default=5)
    parser.add_argument("--gpt2", choices=LANGUAGE_MODELS, default="small")
    parser.add_argument("--plain-texts", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
