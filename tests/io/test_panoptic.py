"""Panoptic files: the same map back, and the same numbers as the official rule."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from PIL import Image

from lexiseg.io.panoptic import read_panoptic, write_panoptic
from lexiseg.io.read_context import ReadContext
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


def test_a_missing_map_costs_its_own_picture(result, empty_result, tmp_path):
    path, picture, _ = write_panoptic([result, empty_result], tmp_path, name="a")
    picture.unlink()
    context = ReadContext()
    assert len(list(read_panoptic(path, context))) == 1
    (skip,) = context.report.skips
    assert skip.kind == "picture" and "does not exist" in str(skip) and path.name in str(skip)


def test_crowds_and_unknown_categories_cost_their_own_segment(tmp_path):
    codes = np.zeros((16, 20, 3), np.uint8)
    codes[2:8, 2:8, 0], codes[10:15, 5:15, 0], codes[0, :, 1] = 1, 2, 1
    (tmp_path / "p").mkdir()
    Image.fromarray(codes).save(tmp_path / "p" / "a.png")
    segments = [
        {"id": 1, "category_id": 7, "iscrowd": 0},
        {"id": 2, "category_id": 7, "iscrowd": 1},
        {"id": 256, "category_id": 9},
        {"id": 77, "category_id": 7},
        "what",
    ]
    image = {"id": 3, "file_name": "a.jpg", "width": 20, "height": 16}
    content = {
        "images": [image],
        "annotations": [{"image_id": 3, "file_name": "a.png", "segments_info": segments}],
        "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
    }
    (tmp_path / "p.json").write_text(json.dumps(content))
    context = ReadContext()
    (result,) = read_panoptic(tmp_path / "p.json", context)
    assert [(item.label, item.mask.area) for item in result.instances] == [("cat", 36)]
    assert result.names == ("cat",)  # a table of categories says nothing of this picture
    assert result.origin.image_id == 3
    assert context.report.skipped == {
        "crowd": 1,
        "unknown category": 1,
        "empty mask": 1,
        "entry that is no object": 1,
    }
