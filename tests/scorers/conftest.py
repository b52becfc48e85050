"""A tiny random CLIP, and the optional reference pack."""

from __future__ import annotations

import zlib

import pytest
import torch

from lexiseg.models.clip import Clip, ClipNetwork, Preprocessing, TextConfig, VisionConfig


def toy_tokens(texts: list[str]) -> torch.Tensor:
    """A checksum per word, then the end token 98."""
    ids = torch.zeros(len(texts), 20, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        words = [1 + zlib.crc32(word.encode()) % 96 for word in text.split()][:19]
        row[: len(words) + 1] = torch.tensor([*words, 98])
    return ids


def make_clip(layers: int = 4, patch: int = 8) -> Clip:
    """Random weights; norms and biases differ from their starting values."""
    torch.manual_seed(0)
    vision = VisionConfig(48, layers, heads=3, patch_size=patch, image_size=48, embed_dim=20)
    text = TextConfig(32, 2, heads=2, context=20, vocabulary=99, embed_dim=20)
    network = ClipNetwork(vision, text)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return Clip(network, toy_tokens, Preprocessing(48), "tiny", "0")


@pytest.fixture(scope="session")
def clip() -> Clip:
    return make_clip()
