"""Filling polygons must agree with the COCO tools to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.ops.coco_polygons import polygons_to_mask

coordinates = st.floats(-5, 45).map(lambda value: round(value, 2))
polygons = st.lists(
    st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9).map(
        lambda corners: [value for corner in corners for value in corner]
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(polygons, st.integers(1, 40), st.integers(1, 40))
def test_same_pixels_as_the_coco_tools(shapes: list[list[float]], height: int, width: int) -> None:
    from pycocotools import mask as tools

    expected = tools.decode(tools.merge(tools.frPyObjects(shapes, height, width)))
    assert np.array_equal(polygons_to_mask(shapes, (height, width)), expected.astype(bool))


def test_square_fills_whole_pixels() -> None:
    mask = polygons_to_mask([[2, 1, 5, 1, 5, 3, 2, 3]], (4, 6))
    expected = np.zeros((4, 6), bool)
    expected[1:3, 2:5] = True
    assert np.array_equal(mask, expected)


def test_no_polygon_is_an_empty_mask() -> None:
    assert not polygons_to_mask([], (3, 4)).any()


@pytest.mark.parametrize("flat", [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7]])
def test_too_few_or_odd_values_are_refused(flat: list[float]) -> None:
    with pytest.raises(UsageError, match="at least three corners"):
        polygons_to_mask([flat], (4, 4))
