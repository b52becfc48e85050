"""Fixtures for all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

# The same examples every time, however busy the machine; --hypothesis-profile explore draws anew.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **_ANY_SPEED)
settings.register_profile("explore", **_ANY_SPEED)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Longer and other runs of the fuzzers in tests/fuzz."""
    group = parser.getgroup("lexiseg")
    group.addoption("--fuzz-seconds", type=float, default=1.0, help="of each fuzzer, default 1")
    group.addoption("--fuzz-seed", type=int, default=0, help="of all fuzzers, default 0")
    group.addoption("--skipped-to", type=Path, help="file for the tests that were skipped")


def pytest_configure(config: pytest.Config) -> None:
    """Note what is skipped, in the process that reports, if that was asked for."""
    if config.getoption("--skipped-to") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Skipped(config.getoption("--skipped-to")))


class _Skipped:
    """Writes which tests, and files as a whole, were skipped: for another environment to run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: dict[str, None] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that is skipped as a whole."""
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test."""
        self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._names[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        """Write them, one a line, those of a file together."""
        names = sorted(self._names, key=lambda name: name.partition("::")[0])
        self._file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Numbers that a test draws do not depend on which tests ran before it."""
    torch.manual_seed(0)
    np.random.seed(0)  # of code that draws from the global generator


@pytest.fixture(scope="session")
def shared() -> Path:
    """Optional sample data and reference packs beside the checkout or at LEXISEG_SHARED."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("LEXISEG_SHARED", beside))
    if not folder.is_dir():
        pytest.skip("needs the optional sample data: set LEXISEG_SHARED")
    return folder
