"""A picture of colored boxes, a segmenter that knows them and tiny networks of every kind."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

TESTS = Path(__file__).parents[2]


@cache
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, TESTS / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def world():
    """An image of three boxes, and its object map."""
    toy = load("toy_tides", "methods/tides/conftest.py")
    boxes = [("red", 10, 20, 60, 50), ("green", 120, 40, 70, 90), ("blue", 30, 110, 40, 60)]
    return toy.draw(boxes)


@pytest.fixture
def objects(world):
    """A segmenter that answers points by the half, the object and the group."""
    toy = load("toy_tides", "methods/tides/conftest.py")
    return toy.ObjectSegmenter(world[1])


@pytest.fixture(scope="session")
def tiny_sam():
    return load("tiny_sam", "models/sam/conftest.py").build_segmenter("sam")


@pytest.fixture(scope="session")
def photo():
    generator = np.random.default_rng(3)
    coarse = generator.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((9, 8, 1), np.uint8))


@pytest.fixture
def tiny_clip():
    return load("tiny_clip_scorers", "scorers/conftest.py").make_clip(patch=16)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
