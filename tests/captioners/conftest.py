"""A tiny random language model with its own tokens, and a tiny random CLIP."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2Model

from lexiseg.models.clip import Clip, ClipNetwork, Preprocessing, TextConfig, VisionConfig
from lexiseg.models.gpt2 import Gpt2, Gpt2Network, Gpt2Tokenizer
from lexiseg.training.mini.vocabulary import byte_symbols

END = "<|endoftext|>"
JOINED = ["I m", "Im a", "g e", "Ima ge", "Ġ a", "Ġ of", "o f", "Ġ c", "Ġc at", "a t", "1 2"]


def write_tokenizer(folder: Path) -> None:
    """GPT-2's files: the bytes, a few joined tokens and the one that begins texts."""
    entries = [*byte_symbols(), *(pair.replace(" ", "") for pair in JOINED), END]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *JOINED, ""]), encoding="utf-8")


def toy_tokens(texts: list[str]) -> torch.Tensor:
    """A checksum per word without regard to case, then the end token 198."""
    ids = torch.zeros(len(texts), 16, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        words = [1 + zlib.crc32(word.encode()) % 196 for word in text.lower().split()][:15]
        row[: len(words) + 1] = torch.tensor([*words, 198])
    return ids


@pytest.fixture(scope="session")
def clip() -> Clip:
    torch.manual_seed(0)
    vision = VisionConfig(16, 1, heads=1, patch_size=8, image_size=16, embed_dim=12)
    text = TextConfig(24, 2, heads=2, context=16, vocabulary=199, embed_dim=12)
    network = ClipNetwork(vision, text)
    torch.nn.init.normal_(network.text.token_embedding.weight, std=0.5)
    return Clip(network, toy_tokens, Preprocessing(16), "tiny", "0")


@pytest.fixture(scope="session")
def language_model(tmp_path_factory) -> Gpt2:
    folder = tmp_path_factory.mktemp("gpt2")
    write_tokenizer(folder)
    tokenizer = Gpt2Tokenizer(folder)
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=24, n_embd=16, n_layer=2, n_head=2,
        initializer_range=0.4, bos_token_id=len(tokenizer) - 1, eos_token_id=len(tokenizer) - 1,
    )  # fmt: skip
    return Gpt2(Gpt2Network(GPT2Model(config)), tokenizer, "tiny", "0")


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(3, 12, generator=torch.Generator().manual_seed(2))
