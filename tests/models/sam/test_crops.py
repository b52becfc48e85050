"""Grids and crops of the automatic generator, against transformers' functions."""

from __future__ import annotations

import numpy as np
import pytest
from transformers.models.sam.image_processing_pil_sam import (
    _build_point_grid,
    _generate_per_layer_crops,
)

from lexiseg.models.sam.crops import Crop, cut_crops, point_grid, touches_cut


@pytest.mark.parametrize("per_side", [1, 2, 7])
def test_grid(per_side):
    wanted = np.asarray(_build_point_grid(per_side)) * (50, 30)
    np.testing.assert_allclose(point_grid(per_side, 50, 30), wanted, rtol=1e-5)


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("size", [(100, 160), (333, 71)])
def test_crops(layers, size):
    boxes, levels = _generate_per_layer_crops(layers, 512 / 1500, size)
    found = cut_crops(size, layers, 512 / 1500)
    assert sorted((c.level, c.box_xyxy) for c in found) == sorted(
        (level, tuple(int(side) for side in box)) for level, box in zip(levels, boxes, strict=True)
    )


def test_an_image_of_one_pixel_is_not_cut_to_nothing():
    assert all(crop.area == 1 for crop in cut_crops((1, 1), 2, 0.3))


def test_boxes_at_a_cut_but_not_at_the_border():
    crop = Crop((0, 0, 100, 200), 1)
    boxes = np.array([[1, 50, 60, 90], [50, 50, 95, 90], [50, 150, 60, 199]], dtype=np.float32)
    assert touches_cut(boxes, crop, (200, 400)).tolist() == [False, True, False]
    assert not touches_cut(boxes, Crop((0, 0, 100, 200), 0), (200, 100)).any()
