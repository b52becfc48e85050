"""Agreement of raters against its definition over pairs, and a published example."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lexiseg.metrics.agreement import krippendorff_alpha

ratings = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), max_size=6)


def slow_alpha(raters: list[dict[str, int]], ordered: bool) -> float:
    """1 - observed / expected disagreement, over all ordered pairs of ratings."""

    def cost(one: int, other: int) -> float:
        return float((one - other) ** 2 if ordered else one != other)

    units = [[r[item] for r in raters if item in r] for item in "abcdef"]
    units = [unit for unit in units if len(unit) > 1]
    everything = [value for unit in units for value in unit]
    observed = sum(
        sum(cost(*pair) for pair in permutations(unit, 2)) / (len(unit) - 1) for unit in units
    ) / max(len(everything), 1)
    pairs = list(permutations(everything, 2))
    expected = sum(cost(*pair) for pair in pairs) / max(len(pairs), 1)
    return 1 - observed / expected if expected else float("nan")


@settings(max_examples=60, deadline=None)
@given(st.lists(ratings, min_size=2, max_size=4), st.booleans())
def test_alpha_is_that_of_all_pairs(raters: list[dict[str, int]], ordered: bool) -> None:
    found = krippendorff_alpha(raters, 4, ordered=ordered)
    assert found == pytest.approx(slow_alpha(raters, ordered), nan_ok=True)


@given(ratings)
def test_who_agrees_with_himself_agrees(one: dict[str, int]) -> None:
    assume(len(set(one.values())) > 1)
    assert krippendorff_alpha([one, one], 4) == pytest.approx(1.0)


def test_nothing_to_compare_has_no_value() -> None:
    assert np.isnan(krippendorff_alpha([{"a": 1}, {"b": 2}], 4))
