"""Fixtures for all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Longer and other runs of the fuzzers in tests/fuzz."""
    group = parser.getgroup("lexiseg")
    group.addoption("--fuzz-seconds", type=float, default=1.0, help="of each fuzzer, default 1")
    group.addoption("--fuzz-seed", type=int, default=0, help="of all fuzzers, default 0")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Optional sample data and reference packs beside the checkout or at LEXISEG_SHARED."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("LEXISEG_SHARED", beside))
    if not folder.is_dir():
        pytest.skip("needs the optional sample data: set LEXISEG_SHARED")
    return folder
