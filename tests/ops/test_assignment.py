"""The best assignment against all that there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.assignment import NO_MATCH, assign


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**31))
def test_no_other_choice_is_cheaper(rows: int, columns: int, seed: int) -> None:
    cost = np.random.default_rng(seed).normal(size=(rows, columns))
    chosen, given_to = assign(cost)
    assert len(chosen) == min(rows, columns) and (np.diff(chosen) > 0).all()
    assert len(set(given_to.tolist())) == len(given_to)
    few, many = (cost, columns) if rows <= columns else (cost.T, rows)
    every = permutations(range(many), len(few))
    least = min(sum(few[i, j] for i, j in enumerate(order)) for order in every)
    assert cost[chosen, given_to].sum() == pytest.approx(least)


def test_what_is_no_number_is_matched_last() -> None:
    cost = np.array([[np.nan, 5.0], [np.inf, 1.0], [2.0, np.nan]])
    assert list(zip(*assign(cost), strict=True)) == [(1, 1), (2, 0)]
    assert NO_MATCH == 1e6
