"""Small random CLIPs and images."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.methods.car import CaR, CarConfig
from lexiseg.models.clip import Clip, ClipNetwork, TextConfig, VisionConfig

VOCABULARY, CONTEXT = 300, 24


def toy_tokens(texts: Sequence[str]) -> Tensor:
    """A hash per word; the end-of-text token has the largest id."""
    ids = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        words = re.findall(r"\w+|[^\w\s]", text.lower())[: CONTEXT - 2]
        hashed = [1 + zlib.crc32(word.encode()) % (VOCABULARY - 3) for word in words]
        line = [VOCABULARY - 2, *hashed, VOCABULARY - 1]
        row[: len(line)] = torch.tensor(line)
    return ids


def random_clip(seed: int, width: int, layers: int, patch: int) -> Clip:
    torch.manual_seed(seed)
    vision = VisionConfig(width, layers, width // 16, patch, image_size=4 * patch, embed_dim=24)
    text = TextConfig(32, 2, 2, CONTEXT, VOCABULARY, 24)
    state = ClipNetwork(vision, text).state_dict()
    for key, tensor in state.items():  # biases and gains that matter
        if tensor.ndim == 1 and "embedding" not in key:
            state[key] = tensor + 0.1 * torch.randn_like(tensor)
    return Clip.from_state_dict(state, toy_tokens, "cpu", "float32", head_dim=16)


@pytest.fixture(scope="session")
def proposal() -> Clip:
    return random_clip(0, width=48, layers=10, patch=8)


@pytest.fixture(scope="session")
def classifier() -> Clip:
    return random_clip(1, width=32, layers=3, patch=8)


@pytest.fixture(scope="session")
def picture() -> Callable[..., NDArray[np.uint8]]:
    """Smooth random images by size and seed."""

    def paint(height: int = 52, width: int = 75, seed: int = 0) -> NDArray[np.uint8]:
        coarse = np.random.default_rng(seed).uniform(0, 255, (1, 3, 5, 6))
        fine = torch.nn.functional.interpolate(
            torch.tensor(coarse), size=(height, width), mode="bicubic"
        )
        return fine[0].permute(1, 2, 0).clamp(0, 255).byte().numpy()

    return paint


@pytest.fixture
def car(proposal: Clip, classifier: Clip) -> CaR:
    return CaR(proposal, classifier, CarConfig(theta=0.2))
