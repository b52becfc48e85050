"""Tiny frozen networks with random weights, and a few scenes of Miniworld in COCO's layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.export import write_miniworld
from lexiseg.models.beit3.tokenizer import Beit3Tokenizer
from lexiseg.models.openworldsam import AdapterConfig
from lexiseg.training.openworldsam.networks import FrozenNetworks
from tests.training.openworldsam.tiny import tiny_networks

TINY_ADAPTER = AdapterConfig(
    encoder_width=32, width=32, tie_breakers=3, layers=1, heads=4, hidden=32
)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small scenes in all layouts."""
    folder = tmp_path_factory.mktemp("world")
    write_miniworld(folder, 8, Miniworld("train", 64, 5, things=(1, 4)))
    return folder


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Beit3Tokenizer:
    names = " ".join(Miniworld("train").names).split()
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(set(names))]
    built = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    built.pre_tokenizer = Whitespace()
    folder = tmp_path_factory.mktemp("words")
    built.save(str(folder / "tokenizer.json"))
    return Beit3Tokenizer(folder, longest=16)


@pytest.fixture(scope="session")
def networks(tokenizer: Beit3Tokenizer) -> FrozenNetworks:
    return tiny_networks(tokenizer.file.parent)
