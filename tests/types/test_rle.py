from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lexiseg.errors import UsageError
from lexiseg.types import Mask

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


@settings(deadline=None)
@given(masks)
def test_round_trips_exactly(array: np.ndarray) -> None:
    mask = Mask.from_array(array)
    assert np.array_equal(mask.to_array(), array)
    assert Mask.from_coco(mask.to_coco()) == mask
    assert Mask.from_coco({"size": list(mask.size_hw), "counts": mask.counts.tolist()}) == mask


@settings(deadline=None)
@given(masks)
def test_area_and_box_match_the_pixels(array: np.ndarray) -> None:
    mask = Mask.from_array(array)
    rows, columns = np.nonzero(array)
    assert mask.area == len(rows)
    expected = (0, 0, 0, 0)
    if len(rows):
        left, top = columns.min(), rows.min()
        expected = (left, top, columns.max() - left + 1, rows.max() - top + 1)
    assert mask.bbox == expected


@settings(deadline=None)
@given(masks)
def test_equals_pycocotools(array: np.ndarray) -> None:
    from pycocotools import mask as coco

    official = coco.encode(np.asfortranarray(array.astype(np.uint8)))
    mask = Mask.from_array(array)
    assert mask.to_coco()["counts"] == official["counts"].decode()
    assert list(mask.bbox) == list(coco.toBbox(official))


@given(st.text(max_size=8))
def test_random_text_is_refused_or_consistent(text: str) -> None:
    try:
        mask = Mask.from_coco({"size": [3, 4], "counts": text})
    except UsageError:
        return
    assert mask.to_array().shape == (3, 4)


def test_long_runs_survive() -> None:
    array = np.zeros((20000, 10), bool)
    array[19999, 9] = True
    assert np.array_equal(Mask.from_coco(Mask.from_array(array).to_coco()).to_array(), array)


def test_wrong_dimension_is_refused() -> None:
    with pytest.raises(UsageError, match="height, width"):
        Mask.from_array(np.zeros((2, 2, 2)))
