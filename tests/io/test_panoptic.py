"""Panoptic files: the same map back, and the same numbers as the official rule."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io.panoptic import read_panoptic, write_panoptic
from lexiseg.types import Instances, Mask


def test_the_map_comes_back(result, empty_result, tmp_path):
    path, first, _ = write_panoptic(iter([result, empty_result]), tmp_path, name="a")
    again, nothing = read_panoptic(path)
    assert len(nothing.instances) == 0
    assert again.path == result.path
    segments = {(s.label, s.score, s.area, s.is_thing) for s in result.panoptic.segments}
    assert segments == {
        (item.label, item.score, item.mask.area, item.is_thing) for item in again.instances
    }
    codes = np.asarray(Image.open(first)).astype(int) @ [1, 256, 65536]
    info = json.loads(path.read_text("utf-8"))["annotations"][0]["segments_info"]
    assert {entry["id"] for entry in info} == set(np.unique(codes)) - {0}
    for entry in info:
        mask = Mask.from_array(codes == entry["id"])
        assert (mask.area, list(mask.bbox)) == (entry["area"], entry["bbox"])


def test_many_regions_of_one_name_have_numbers_of_their_own(result, tmp_path):
    items = tuple(replace(item, label="dog", is_thing=True) for item in result.instances)
    dogs = replace(result, instances=Instances(items, result.size_hw))
    (again,) = read_panoptic(write_panoptic([dogs], tmp_path, name="a")[0])
    assert len(again.instances) == len(dogs.panoptic.segments)


def test_a_missing_map_is_one_sentence(result, tmp_path):
    path, picture = write_panoptic([result], tmp_path, name="a")
    picture.unlink()
    with pytest.raises(ImageError, match="does not exist"):
        list(read_panoptic(path))
