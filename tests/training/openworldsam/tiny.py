"""Tiny frozen networks with random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from lexiseg.models.beit3 import Beit3, Beit3Config, Beit3Network
from lexiseg.models.beit3.tokenizer import Beit3Tokenizer
from lexiseg.training.openworldsam.networks import FrozenNetworks
from tests.models.sam.conftest import build_segmenter


def tiny_networks(words: Path) -> FrozenNetworks:
    """SAM 2 for pictures of 64 pixels and a BEiT-3.

    Args:
        words: folder of its tokenizer.
    """
    torch.manual_seed(0)
    size = Beit3Config(32, 2, 4, 48, 48, 16, vocabulary=400, text_positions=20)
    network = Beit3Network(size)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    tokenizer = Beit3Tokenizer(words, longest=16)
    beit3 = Beit3(network, tokenizer, name="tiny", fingerprint="b")
    segmenter = build_segmenter("sam2")
    segmenter.fingerprint = "s"
    return FrozenNetworks(segmenter, beit3)
