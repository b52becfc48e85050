"""Panoptic files: numbers from colors, areas from the file, damage in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexiseg.datasets import TrueSegment
from lexiseg.datasets.panoptic_tables import read_segment_ids
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS


def coco(layouts: Any, folder: Path, **changes: Any) -> Any:
    layouts.panoptic(folder / "annotations/panoptic_val2017.json", **changes)
    layouts.photo(folder / "val2017/a.jpg", (2, 3))
    return DATASETS["coco-panoptic"](folder)


def test_segments_carry_the_files_areas_and_crowds(layouts: Any, tmp_path: Path) -> None:
    rows = [
        {"id": 70_000, "category_id": 1, "area": 99, "iscrowd": 1},
        {"id": 5, "category_id": 9},
        {"id": 6, "category_id": 9, "area": 4},  # of which no pixel is left
    ]
    annotation = {"image_id": "a", "file_name": "a.png", "segments_info": rows}
    [sample] = coco(layouts, tmp_path, annotations=[annotation])
    assert sample.segments == (
        TrueSegment(70_000, 0, 99, crowd=True),
        TrueSegment(5, 1, 3),
        TrueSegment(6, 1, 4),
    )
    assert sample.ids.tolist() == [[70_000, 70_000, 0], [5, 5, 5]]


def test_classes_are_the_categories_in_the_order_of_their_numbers(
    layouts: Any, tmp_path: Path
) -> None:
    categories = [{"id": 9, "name": "sky"}, {"id": 1, "name": "dog", "isthing": 1}]
    dataset = coco(layouts, tmp_path, categories=categories)
    assert dataset.classes.names == ("dog", "sky")
    assert dataset.classes.stuff == {"sky"}
    assert dataset.category_ids == (1, 9)
    assert [item.class_index for item in dataset[0].segments] == [1, 0]


def test_two_categories_of_one_name_are_refused(layouts: Any, tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "dog"}]
    with pytest.raises(DatasetError, match="same name"):
        coco(layouts, tmp_path, categories=categories)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": 5}, "category_id"),
        ({"id": 5, "category_id": 4}, "KeyError: 4"),
        (7, "AttributeError"),
    ],
)
def test_damaged_segments_name_file_and_image(
    layouts: Any, tmp_path: Path, row: Any, words: str
) -> None:
    annotation = {"image_id": "a", "file_name": "a.png", "segments_info": [row]}
    dataset = coco(layouts, tmp_path, annotations=[annotation])
    with pytest.raises(DatasetError, match=words) as caught:
        dataset[0]
    assert "panoptic_val2017.json, the segments of image a" in str(caught.value)


def test_one_channel_is_taken_as_it_is_and_palettes_are_refused(tmp_path: Path) -> None:
    numbers = np.array([[0, 300]], dtype=np.uint16)
    Image.fromarray(numbers).save(tmp_path / "grey.png")
    assert np.array_equal(read_segment_ids(tmp_path / "grey.png"), numbers)
    Image.fromarray(numbers.astype(np.uint8)).convert("P").save(tmp_path / "palette.png")
    with pytest.raises(DatasetError, match="expected a PNG of segment numbers"):
        read_segment_ids(tmp_path / "palette.png")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_segment_ids(tmp_path / "nowhere.png")


def test_names_of_ade_keep_synonyms_as_prompts(layouts: Any, tmp_path: Path) -> None:
    from tests.contracts.test_datasets import ade_panoptic

    ade_panoptic(layouts, tmp_path / "ADEChallengeData2016")
    classes = DATASETS["ade150-panoptic"](tmp_path).classes
    assert (classes.names[8], classes.prompts[8]) == ("windowpane", "window ")
    assert len(classes.stuff) == 75  # what the file calls so: every other one here
    assert len(classes.seen) == 64


def test_real_coco_panoptic(shared: Path) -> None:
    dataset = DATASETS["coco-panoptic"](shared / "data/real/coco")
    assert len(dataset) == 2
    assert dataset.classes.name == "coco-133"
    assert len(dataset.classes.stuff) == 53
    for sample in dataset:
        assert sample.image.is_file()
        with Image.open(sample.image) as picture:
            assert picture.size == sample.ids.shape[::-1]
        listed = {item.id: item.area for item in sample.segments}
        shown = dict(zip(*np.unique(sample.ids, return_counts=True), strict=True))
        assert {number: area for number, area in listed.items() if shown[number] != area} == {}
        assert set(shown) - {0} == set(listed)
    assert sum(item.crowd for sample in dataset for item in sample.segments) == 3
