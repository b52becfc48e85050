from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lexiseg.metrics import mask_ious
from lexiseg.types import Mask

MASKS = st.integers(1, 4).flatmap(lambda n: arrays(bool, (n, 5, 4)))


@settings(max_examples=60, deadline=None)
@given(MASKS, MASKS, st.integers(0, 15))
def test_overlap_is_that_of_the_pixels(
    found: np.ndarray, true: np.ndarray, crowd_bits: int
) -> None:
    crowd = np.array([bool(crowd_bits >> k & 1) for k in range(len(true))])
    expected = np.zeros((len(found), len(true)))
    for row, one in enumerate(found):
        for column, other in enumerate(true):
            both = (one & other).sum()
            whole = one.sum() if crowd[column] else (one | other).sum()
            expected[row, column] = both / whole if both else 0
    masks = [[Mask.from_array(mask) for mask in group] for group in (found, true)]
    assert np.array_equal(mask_ious(*masks, crowd), expected)


def test_nothing_found_and_nothing_there() -> None:
    one = [Mask.from_array(np.ones((3, 3), dtype=bool))]
    assert mask_ious([], one, np.array([False])).shape == (0, 1)
    assert mask_ious(one, [], np.zeros(0, dtype=bool)).shape == (1, 0)
