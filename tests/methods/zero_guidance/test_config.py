"""Shares lie between 0 and 1, ends included; counts begin where they mean something."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig


@pytest.mark.parametrize("name", ["image_weight"])
def test_shares(name):
    for inside in (0, 1):
        assert getattr(ZeroGuidanceConfig(**{name: inside}), name) == inside
    for outside in (-0.01, 1.01):
        with pytest.raises(UsageError, match=f"'{name}' was given {outside}; expected 0 to 1"):
            ZeroGuidanceConfig(**{name: outside})


@pytest.mark.parametrize(("name", "least"), [("stride", 1), ("segments", 1), ("masked_blocks", 1)])
def test_counts(name, least):
    assert getattr(ZeroGuidanceConfig(**{name: least}), name) == least
    with pytest.raises(UsageError, match=f"'{name}' was given {least - 1}; expected {least} to"):
        ZeroGuidanceConfig(**{name: least - 1})


@pytest.mark.parametrize("name", ["max_sibling_cosine", "min_similarity", "refine"])
def test_bounds_on_cosines_can_be_such_that_all_or_none_pass(name):
    for inside in (-1, 2):
        assert getattr(ZeroGuidanceConfig(**{name: inside}), name) == inside
    for outside in (-1.01, 2.01):
        with pytest.raises(UsageError, match=f"'{name}' was given {outside}; expected -1 to 2"):
            ZeroGuidanceConfig(**{name: outside})
