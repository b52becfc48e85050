"""Tiny CLIP pairs, tokenizers and the optional reference pack."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from lexiseg.models.clip import ClipNetwork, TextConfig, VisionConfig
from lexiseg.models.weights import read_state

START, END = "<|startoftext|>", "<|endoftext|>"


def make_network(seed: int = 0, **vision_options) -> ClipNetwork:
    """Projection width differs from both tower widths, which differ from each other."""
    torch.manual_seed(seed)
    options = {"patch_size": 8, "image_size": 32, "embed_dim": 20} | vision_options
    vision = VisionConfig(width=48, layers=3, heads=3, **options)
    text = TextConfig(
        width=32, layers=2, heads=2, context=24, vocabulary=520, embed_dim=20, end_id=519
    )
    network = ClipNetwork(vision, text)
    for parameter in network.parameters():  # norms and biases must matter too
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


@pytest.fixture
def network() -> ClipNetwork:
    return make_network()


def byte_symbols() -> list[str]:
    """The printable stand-ins of the 256 bytes in byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(hidden))]


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory) -> Path:
    """A CLIP tokenizer with 520 entries: bytes, bytes at word ends, two merges, two specials."""
    folder = tmp_path_factory.mktemp("tokenizer")
    symbols = byte_symbols()
    entries = [*symbols, *(s + "</w>" for s in symbols), "ca", "cat</w>", "do", "dog</w>"]
    vocabulary = {entry: i for i, entry in enumerate([*entries, "og</w>", "at</w>", START, END])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    merges = "#version: 0.2\nc a\nca t</w>\nd o\ndo g</w>\n"
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    assert vocabulary[END] == 519
    return folder


@pytest.fixture(scope="session")
def toy_tokenizer():
    return _toy_tokenizer


def _toy_tokenizer(texts: list[str]) -> torch.Tensor:
    """The reference pack's rule: start 510, one checksum per word, end 511, zeros."""
    ids = torch.zeros(len(texts), 77, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        words = re.findall(r"\w+|[^\w\s]", text.lower())
        tokens = [510, *(1 + zlib.crc32(word.encode()) % 509 for word in words), 511]
        row[: len(tokens)] = torch.tensor(tokens)
    return ids


@dataclass(frozen=True)
class CarPack:
    """Published outputs of CLIP as RNN's code on tiny random towers."""

    folder: Path
    arrays: dict[str, torch.Tensor]
    meta: dict

    def state(self, tower: str) -> dict[str, torch.Tensor]:
        return read_state(self.folder / "weights.safetensors", f"{tower}.")


@pytest.fixture(scope="session")
def car_pack(shared) -> CarPack:
    folder = shared / "reference" / "car"
    if not folder.is_dir():
        pytest.skip("needs the CaR reference pack")
    with np.load(folder / "arrays.npz") as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return CarPack(folder, arrays, meta)
