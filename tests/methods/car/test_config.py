"""Shares lie between 0 and 1, ends included; counts begin where they mean something."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.methods.car.config import CarConfig


@pytest.mark.parametrize("name", ["eta", "lam", "temporal_smoothing"])
def test_shares(name):
    for inside in (0, 1):
        assert getattr(CarConfig(**{name: inside}), name) == inside
    for outside in (-0.01, 1.01):
        with pytest.raises(UsageError, match=f"'{name}' was given {outside}; expected 0 to 1"):
            CarConfig(**{name: outside})


@pytest.mark.parametrize(
    ("name", "least"),
    [("background_factor", 0), ("max_steps", 0), ("refinements", 0), ("attention_blocks", 1)],
)
def test_counts(name, least):
    assert getattr(CarConfig(**{name: least}), name) == least
    with pytest.raises(UsageError, match=f"'{name}' was given {least - 1}; expected {least} to"):
        CarConfig(**{name: least - 1})
