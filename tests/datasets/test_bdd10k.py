"""BDD10K: bitmasks with categories, attributes and numbers in four channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS


def bitmask(layouts: Any, folder: Path, pixels: list[list[int]]) -> Any:
    layouts.labels(folder / "labels/pan_seg/bitmasks/val/a.png", [pixels])
    layouts.photo(folder / "images/10k/val/a.jpg", (1, len(pixels)))
    return DATASETS["bdd10k-panoptic"](folder)


def test_things_stay_apart_and_stuff_is_joined(layouts: Any, tmp_path: Path) -> None:
    car, road = 35, 7
    pixels = [[car, 0, 0, 1], [car, 0, 1, 1], [road, 0, 0, 2], [road, 0, 0, 3], [0, 0, 0, 0]]
    dataset = bitmask(layouts, tmp_path, pixels)
    [sample] = dataset
    assert sample.ids[0, 4] == 0
    assert sample.ids[0, 2] == sample.ids[0, 3]
    assert sample.ids[0, 0] != sample.ids[0, 1]
    names = [dataset.classes.names[item.class_index] for item in sample.segments]
    assert sorted(names) == ["car", "car", "road"]
    assert sorted(item.area for item in sample.segments) == [1, 1, 2]


def test_attributes_mark_crowds_and_what_nobody_judges(layouts: Any, tmp_path: Path) -> None:
    crowd, ignored = 2, 1
    [sample] = bitmask(layouts, tmp_path, [[35, crowd, 0, 1], [31, ignored, 0, 2], [31, 8, 0, 3]])
    assert sample.ids[0, 1] == 0
    kinds = {item.class_index + 1: item.crowd for item in sample.segments}
    assert kinds == {35: True, 31: False}


def test_a_picture_without_void_begins_at_one(layouts: Any, tmp_path: Path) -> None:
    [sample] = bitmask(layouts, tmp_path, [[7, 0, 0, 1], [35, 0, 0, 1]])
    assert sample.ids.tolist() == [[1, 2]]
    assert [item.id for item in sample.segments] == [1, 2]


@pytest.mark.parametrize(("pixels", "words"), [([[41, 0, 0, 1]], "41"), ([[7, 0, 0]], "four")])
def test_odd_bitmasks_are_named(layouts: Any, tmp_path: Path, pixels: Any, words: str) -> None:
    dataset = bitmask(layouts, tmp_path, pixels)
    with pytest.raises(DatasetError, match=words) as caught:
        dataset[0]
    assert "a.png" in str(caught.value)
