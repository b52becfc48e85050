"""labelme files: masks exact, polygons exact at tolerance 0, the program's own rules."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lexiseg.io.labelme import write_labelme, write_labelme_polygons
from lexiseg.io.labelme_reader import read_labelme
from lexiseg.io.reading import result_from_regions
from lexiseg.types import Instance, Mask


def test_masks_come_back_exactly(result, regions_of, tmp_path):
    (path,) = write_labelme([result], tmp_path / "out", name="a")
    again = read_labelme(path)
    assert regions_of(again) == regions_of(result)
    assert again.names == result.names
    assert again.presence["zebra"].kept is False
    assert again.path.samefile(result.path)
    assert [item.is_thing for item in again.instances] == [
        item.is_thing for item in result.instances
    ]


def test_polygons_come_back_exactly_at_tolerance_zero(result, regions_of, tmp_path):
    (path,) = write_labelme_polygons([result], tmp_path, name="a", tolerance=0.0)
    assert regions_of(read_labelme(path)) == regions_of(result)


def test_the_file_follows_the_programs_own_rules(result, tmp_path):
    """What labelme's reader checks, and how it pastes a mask: both corners are inside."""
    (path,) = write_labelme([result], tmp_path, name="a")
    data = json.loads(path.read_text("utf-8"))
    assert (path.parent / data["imagePath"]).exists()
    assert data["imageData"] is None
    assert all(isinstance(value, bool) for value in data["flags"].values())
    for shape, item in zip(data["shapes"], result.instances, strict=True):
        assert isinstance(shape["group_id"], int)
        (x1, y1), (x2, y2) = shape["points"]
        pasted = np.zeros(result.size_hw, bool)
        crop = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        assert crop.ndim == 2
        pasted[y1 : y2 + 1, x1 : x2 + 1] = crop
        assert np.array_equal(pasted, item.mask.to_array())


def test_a_picture_without_a_file_is_embedded(result, tmp_path):
    (path,) = write_labelme([replace(result, path=None)], tmp_path, name="a")
    data = json.loads(path.read_text("utf-8"))
    embedded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["imageData"]))))
    assert np.array_equal(embedded, result.image)
    assert read_labelme(path).path is None


@pytest.mark.parametrize("size_hw", [(90, 20), (20, 90)])
def test_masks_anywhere_in_tall_and_wide_pictures(size_hw, tmp_path):
    """Rows and columns are never taken for each other, however far down or right a mask lies."""
    masks = np.zeros((4, *size_hw), bool)
    masks[0, -1, -1] = masks[1, -1, 0] = masks[2, 0, -1] = True
    masks[3, size_hw[0] - 7 :, size_hw[1] - 5 :] = np.arange(35).reshape(7, 5) % 3 > 0
    items = [Instance(f"a{i}", 1.0, Mask.from_array(mask)) for i, mask in enumerate(masks)]
    tall = result_from_regions(size_hw, items, source="hand")
    (path,) = write_labelme([tall], tmp_path, name="a")
    again = read_labelme(path)
    for item, mask in zip(again.instances, masks, strict=True):
        assert np.array_equal(item.mask.to_array(), mask)
    (path,) = write_labelme_polygons([tall], tmp_path, name="a", tolerance=0.0)
    for item, mask in zip(read_labelme(path).instances, masks, strict=True):
        assert np.array_equal(item.mask.to_array(), mask)
