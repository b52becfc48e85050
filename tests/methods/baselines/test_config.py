"""Shares lie between 0 and 1, ends included."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.methods.baselines.config import (
    BoxConfig,
    ClipSegConfig,
    GroundedSamConfig,
    SamClipConfig,
)

SHARES = [
    (BoxConfig, "min_score"),
    (BoxConfig, "nms_iou"),
    (GroundedSamConfig, "min_word_score"),
    (GroundedSamConfig, "nms_iou"),
    (ClipSegConfig, "min_probability"),
    (SamClipConfig, "min_stability"),
    (SamClipConfig, "max_box_iou"),
    (SamClipConfig, "min_probability"),
]


@pytest.mark.parametrize(("config", "name"), SHARES)
def test_shares(config, name):
    for inside in (0, 1):
        assert getattr(config(**{name: inside}), name) == inside
    for outside in (-0.01, 1.01):
        with pytest.raises(UsageError, match=f"'{name}' was given {outside}; expected 0 to 1"):
            config(**{name: outside})
