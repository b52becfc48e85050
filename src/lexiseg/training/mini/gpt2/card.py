"""What the small GPT-2 is worth on texts it has not read, and its model card."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerBase

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.gpt2.recipe import IGNORED, encode, token_loss
from lexiseg.training.mini.gpt2.texts import nouns, phrase, well_formed

MEASURE_SEED = 2024  # no training seed's chance
PROMPT = "Image of a"
CANDIDATES = 512  # next tokens that ZeroCap looks at
LENGTH = 15  # tokens that ZeroCap adds at most
LINES = {
    "perplexity_captions": "perplexity per token, true captions of held-out test scenes",
    "perplexity_phrases": "perplexity per token, new phrases",
    "well_formed": 'sampled continuations of "Image of a" that are well-formed and end in time',
    "nouns_sampled": "share of all nouns among these continuations",
    "nouns_in_reach": 'nouns whose first token is among the 512 likeliest after "Image of a"',
}


@dataclass(frozen=True)
class Gpt2Sample:
    """How much to measure."""

    captions: int = 200
    phrases: int = 1000
    continuations: int = 1000


@torch.no_grad()
def measure_gpt2(folder: Path, sample: Gpt2Sample = Gpt2Sample()) -> dict[str, float]:
    """Measure a GPT-2 in Hugging Face's format; the figures are those of `LINES`."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = GPT2LMHeadModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    world, rng = Miniworld("test", size=96, seed=MEASURE_SEED), np.random.default_rng(MEASURE_SEED)
    captions = [scene.caption for scene in islice(world, sample.captions)]
    phrases = [phrase(rng) for _ in range(sample.phrases)]
    said = continuations(model, tokenizer, sample.continuations)
    figures = {
        "perplexity_captions": perplexity(model, tokenizer, captions),
        "perplexity_phrases": perplexity(model, tokenizer, phrases),
        "well_formed": sum(bool(well_formed().fullmatch(text)) for text in said) / len(said),
        "nouns_sampled": _share_named(said),
        "nouns_in_reach": _share_in_reach(model, tokenizer),
    }
    return {name: round(value, 4) for name, value in figures.items()}


@torch.no_grad()
def perplexity(
    model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> float:
    """exp of the mean loss per token, the end of the text included."""
    tokens = encode(tokenizer, texts, model.config.n_positions)
    parts = torch.split(tokens, 100)
    counts = torch.tensor([float((part[:, 1:] != IGNORED).sum()) for part in parts])
    losses = torch.stack([token_loss(model, part) for part in parts])
    return math.exp(float((losses * counts).sum() / counts.sum()))


@torch.no_grad()
def continuations(
    model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, count: int
) -> list[str]:
    """Samples of what follows "Image of a", up to and with the full stop, `LENGTH` tokens at most.

    The seed is fixed.
    """
    generator = torch.Generator().manual_seed(MEASURE_SEED)
    start = torch.tensor([[len(tokenizer) - 1, *tokenizer(PROMPT)["input_ids"]]])
    tokens = start.repeat(count, 1)
    for _ in range(LENGTH):
        chance = model(input_ids=tokens).logits[:, -1].float().softmax(dim=1)
        tokens = torch.cat([tokens, torch.multinomial(chance, 1, generator=generator)], dim=1)
    texts = tokenizer.batch_decode(tokens[:, start.shape[1] :])
    return [text[: text.find(".") + 1] or text for text in texts]


def _share_named(texts: Sequence[str]) -> float:
    words = " ".join(texts).replace(".", " ")
    return sum(f" {noun} " in f" {words} " for noun in nouns()) / len(nouns())


def _share_in_reach(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase) -> float:
    start = torch.tensor([[len(tokenizer) - 1, *tokenizer(PROMPT)["input_ids"]]])
    logits: Tensor = model(input_ids=start).logits[0, -1]
    likely = set(logits.topk(min(CANDIDATES, len(logits))).indices.tolist())
    firsts = [tokenizer(f" {noun}")["input_ids"][0] for noun in nouns()]
    return sum(first in likely for first in firsts) / len(firsts)


def write_gpt2_card(folder: Path, figures: Mapping[str, float]) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the record of their training.
        figures: as `measure_gpt2` returns them.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = GPT2LMHeadModel.from_pretrained(folder, local_files_only=True)
    table = "\n".join(f"| {label} | {figures[key]:.3f} |" for key, label in LINES.items())
    target = folder / "README.md"
    text = f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---
# mini-gpt2

Language model of the mini suite: ZeroCap words its captions with it. A GPT-2 in Hugging Face's
format with {model.num_parameters():,} parameters ({config["n_layer"]} layers of width
{config["n_embd"]}, {config["n_positions"]} positions, {config["vocab_size"]:,} tokens), half
precision.

## Data
Texts written by a program (see the sessions): one half are captions of
planned, undrawn scenes of Miniworld's train split, the other half phrases as ZeroCap begins them,
"Image of a small red apple.". The {len(nouns())} nouns of the phrases (things, things that no
picture of the other mini models' training shows, stuff and its synonyms) are equally likely, so the
choice among them is left to CLIP. "a" stands before vowels, too, since ZeroCap always begins with
"Image of a". The vocabulary is GPT-2's byte-level BPE learnt from the same texts: every noun is one
token per word, with its leading blank, and "." is a token of its own.

## Training
Next-token cross-entropy, each text between two <|endoftext|>. Muon for the matrices of the blocks,
AdamW for the rest, cosine schedule, bfloat16 where the processor has it.

{session_table(record["sessions"], "texts", "read")}

Steps count from the weights a session began with. Command: `python -m lexiseg.training.mini gpt2
--out DIR --seed S --texts N --minutes M`; `--resume` continues a run of one's own, `--bundled`
trains these weights further.

## Measured
| figure | value |
|---|---|
{table}

Measured by `python -m lexiseg.training.mini evaluate-gpt2`. Well-formed: perhaps a size, perhaps a
color, a noun, perhaps a place or a second thing, full stop within {LENGTH} tokens.

## Limits
It writes captions of Miniworld and nothing else, and it gives every noun about the same chance:
what it says without the guidance of a picture means nothing.
"""
    target.write_text(text, encoding="utf-8")
    return target
