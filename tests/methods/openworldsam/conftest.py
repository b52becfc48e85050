"""A whole OpenWorldSAM of tiny networks, and answers made up for the rules of the views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.methods.openworldsam import OpenWorldSam
from lexiseg.methods.openworldsam.answers import Answers
from tests.models.tiny_openworldsam import make_openworldsam


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_openworldsam(tmp_path_factory.mktemp("openworldsam"))


@pytest.fixture(scope="session")
def load(parts: dict[str, Path]) -> Callable[..., OpenWorldSam]:
    def loaded(**options: object) -> OpenWorldSam:
        given = {**parts, "device": "cpu", "dtype": "float32", "min_score": 0.3, **options}
        return lexiseg.load("openworldsam", **given)  # type: ignore[return-value]

    return loaded


@pytest.fixture(scope="session")
def method(load: Callable[..., OpenWorldSam]) -> OpenWorldSam:
    return load()


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def make_answers(seed: int, count: int = 12, prompts: int = 4, objects: bool = False) -> Answers:
    """Smooth blobs of several prompts with scores of all sizes."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 4, 5, generator=generator) * 3
    logits = torch.nn.functional.interpolate(coarse[None], (16, 20), mode="bicubic")[0]
    owners = torch.arange(count) % prompts
    told = torch.randn(count, generator=generator) if objects else None
    return Answers(logits, torch.rand(count, generator=generator), owners, (23, 31), told)


@pytest.fixture
def answers_of() -> Callable[..., Answers]:
    return make_answers
