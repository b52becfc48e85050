"""A tiny CLIP with words of its own."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from lexiseg.models.clip import Clip, ClipNetwork, Preprocessing, TextConfig, VisionConfig

WORDS, LENGTH = 60, 24


def toy_tokens(texts):
    """One token per character pair, ended by the largest id."""
    ids = torch.zeros(len(texts), LENGTH, dtype=torch.long)
    for row, text in enumerate(texts):
        pieces = [text[k : k + 2] for k in range(0, len(text), 2)][: LENGTH - 1]
        numbers = [zlib.crc32(piece.encode()) % (WORDS - 2) + 1 for piece in pieces]
        ids[row, : len(numbers) + 1] = torch.tensor([*numbers, WORDS - 1])
    return ids


@pytest.fixture(scope="session")
def clip():
    torch.manual_seed(0)
    vision = VisionConfig(32, layers=3, heads=2, patch_size=8, image_size=40, embed_dim=16)
    text = TextConfig(24, layers=1, heads=2, context=LENGTH, vocabulary=WORDS, embed_dim=16)
    network = ClipNetwork(vision, text)
    for parameter in network.parameters():  # attention that is not flat, norms that matter
        if parameter.ndim < 2:
            parameter.data += 0.1 * torch.randn_like(parameter)
        elif parameter.shape[0] == 3 * parameter.shape[1]:
            parameter.data *= 3
    return Clip(network, toy_tokens, Preprocessing(vision.image_size), "toy", "0" * 64)


@pytest.fixture(scope="session")
def picture():
    """(30, 44, 3) uint8 with some structure."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 11, 3), dtype=np.uint8)
    return coarse.repeat(5, axis=0).repeat(4, axis=1)
