"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import lexiseg

ROOT = Path(lexiseg.__file__).parent


def modules_with_examples() -> list[str]:
    paths = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text("utf-8"))
    parts = (path.relative_to(ROOT.parent).with_suffix("").parts for path in paths)
    return [".".join(part).removesuffix(".__init__") for part in parts]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name))
    assert not failed
