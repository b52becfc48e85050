"""Shares lie between 0 and 1, ends included; counts begin where they mean something."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.methods.tides.config import TidesConfig


@pytest.mark.parametrize(
    "name",
    [
        "min_probability",
        "min_overlap",
        "min_density",
        "min_kernel",
        "nms_iou",
        "min_semantic",
        "min_score",
        "min_stability",
    ],
)
def test_shares(name):
    for inside in (0, 1):
        assert getattr(TidesConfig(**{name: inside}), name) == inside
    for outside in (-0.01, 1.01):
        with pytest.raises(UsageError, match=f"'{name}' was given {outside}; expected 0 to 1"):
            TidesConfig(**{name: outside})


@pytest.mark.parametrize(
    ("name", "least"),
    [("point_stride", 1), ("max_points", 0), ("bins", 1), ("min_region", 0), ("temperature", 0)],
)
def test_counts(name, least):
    assert getattr(TidesConfig(**{name: least}), name) == least
    with pytest.raises(UsageError, match=f"'{name}' was given {least - 1}; expected {least} to"):
        TidesConfig(**{name: least - 1})
