"""The families that contract tests run over."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from lexiseg.models.sam import load_segmenter
from tests.models.published_layout import OWN_SEGMENTERS

TINY = Path(__file__).parents[1] / "models" / "sam" / "conftest.py"


def load_tiny():
    spec = importlib.util.spec_from_file_location("tiny_segmenters", TINY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # A trained network's logits are large; in double precision its rounding stays below the bounds.
    shipped = {"mini-sam": lambda: load_segmenter("mini-sam", "cpu", torch.float64)}
    return {**module.TINY_SEGMENTERS, **OWN_SEGMENTERS, **shipped}


def pytest_generate_tests(metafunc):
    if "segmenter" in metafunc.fixturenames:
        metafunc.parametrize("segmenter", sorted(load_tiny()), indirect=True)


@pytest.fixture(scope="session")
def segmenter(request):
    return load_tiny()[request.param]()
