"""Ratios of sums over drawn pictures."""

from __future__ import annotations

import numpy as np

from lexiseg.evaluation.tasks.self_named.numbers import divide


def test_sums_are_divided_and_nothing_by_nothing_is_undefined():
    ratio = (np.array([3.0, 0.0, 1.0]), np.array([4.0, 0.0, 2.0]))
    weights = np.array([[1, 1, 1], [0, 0, 2], [0, 5, 0]])
    np.testing.assert_array_equal(divide(ratio, weights), [4 / 6, 1 / 2, np.nan])
    # Parts without a whole, which no ratio has, are no infinity either.
    assert np.isnan(divide((np.array([1.0]), np.array([0.0])), np.array([[1]]))).all()
