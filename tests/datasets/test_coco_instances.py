from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets.coco_instances import open_coco
from lexiseg.datasets.miniature_instances import MiniworldObjects, open_miniworld_instances
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS
from lexiseg.types import Mask


def write(folder: Path) -> Path:
    disk = np.zeros((6, 8), dtype=bool)
    disk[1:4, 2:5] = True
    tables = {
        "images": [
            {"id": 9, "file_name": "b.jpg", "height": 6, "width": 8},
            {"id": 4, "file_name": "a.jpg", "height": 6, "width": 8},
        ],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 90, "area": 9.5, "iscrowd": 0,
             "segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]]},
            {"id": 2, "image_id": 9, "category_id": 3, "area": 9, "iscrowd": 1,
             "segmentation": {"size": [6, 8], "counts": Mask.from_array(disk).counts.tolist()}},
        ],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}],
    }  # fmt: skip
    (folder / "annotations").mkdir(parents=True)
    (folder / "val2017").mkdir()
    path = folder / "annotations" / "instances_val2017.json"
    path.write_text(json.dumps(tables), encoding="utf-8")
    return path


def test_gaps_crowds_and_images_without_annotations(tmp_path: Path) -> None:
    write(tmp_path)
    dataset = DATASETS["coco"](tmp_path)
    assert dataset.ids == ("4", "9")
    assert dataset.classes.names == ("car", "toothbrush")
    assert dataset.category_ids == (3, 90)
    empty, full = dataset
    assert empty.objects == ()
    assert (full.number, full.image) == (9, tmp_path / "val2017" / "b.jpg")
    brush, crowd = full.objects
    assert (brush.class_index, brush.area, brush.crowd) == (1, 9.5, False)
    assert (crowd.class_index, crowd.crowd) == (0, True)
    assert brush.mask == crowd.mask  # the polygon and the run lengths are the same pixels


def test_photos_are_the_class_list_of_coco(shared: Path) -> None:
    dataset = open_coco(shared / "data" / "real" / "coco")
    assert len(dataset) == 121
    assert dataset.classes.name == "coco-80"
    assert sum(len(sample.objects) for sample in (dataset[0], dataset[1])) > 0
    assert all(dataset[index].image.exists() for index in range(3))


def test_damaged_tables_are_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path)
    tables = json.loads(path.read_text(encoding="utf-8"))
    tables["annotations"][0]["category_id"] = 5
    path.write_text(json.dumps(tables), encoding="utf-8")
    with pytest.raises(DatasetError, match="unknown category_id"):
        open_coco(tmp_path)
    with pytest.raises(DatasetError, match="instances_val2017.json"):
        open_coco(tmp_path / "val2017")


def test_written_miniworld_has_the_drawn_objects(tmp_path: Path) -> None:
    world = Miniworld(split="test", size=64, seed=5, things=(3, 6), neighbors=0.6)
    write_miniworld(tmp_path, 4, world)
    drawn = MiniworldObjects(world, 4)
    written = open_miniworld_instances(tmp_path)
    assert written.classes.names == drawn.classes.names
    assert written.category_ids == drawn.category_ids
    for one, other in zip(drawn, written, strict=True):
        assert one.number == other.number
        assert one.objects == other.objects
    plain = open_coco(tmp_path, split="test")
    assert not any(item.crowd for sample in plain for item in sample.objects)


def test_half_of_the_asked_names_are_absent() -> None:
    world = Miniworld(split="test", size=64, seed=5, things=(0, 6))
    dataset = MiniworldObjects(world, 6, half_absent=True)
    for sample in dataset:
        shown = {item.class_index for item in sample.objects if not item.crowd}
        hidden = {item.class_index for item in sample.objects}
        assert shown <= set(sample.asked)
        assert len(set(sample.asked) - hidden) == max(len(shown), 1)
    assert dataset[0].asked != dataset[1].asked


@pytest.mark.parametrize(
    ("table", "changes", "sentence"),
    [
        ("images", {"height": -4, "width": -4}, "entry 0 of its table 'images' is damaged"),
        ("images", {"height": float("inf")}, "'height' is inf"),
        ("images", {"id": [1]}, r"'id' is \[1\]"),
        ("images", {"id": {}}, "'id' is {}"),
        ("images", {"file_name": 3}, "'file_name' is 3"),
        ("annotations", {"area": float("nan")}, "'area' is nan"),
        ("annotations", {"iscrowd": []}, "'iscrowd' is "),
        ("annotations", {"image_id": 99}, "unknown image_id, first 1"),
        ("categories", {"id": "x"}, "unknown category_id, first 2"),
        ("categories", {"id": None}, "lacks id"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, layouts: Any, table, changes, sentence) -> None:
    tables = layouts.instances()
    tables[table][0] |= changes
    layouts.coco(tmp_path, **tables)
    with pytest.raises(DatasetError, match=sentence) as caught:
        open_coco(tmp_path)
    assert "instances_val2017.json" in str(caught.value)


@pytest.mark.parametrize(
    ("segmentation", "sentence"),
    [
        ({"size": [2, 2], "counts": [4]}, "size"),
        ({"size": [4, 6], "counts": [2**63]}, "run-length"),
        ([[1, 2, float("nan"), 3, 4, 5]], "no finite number"),
        ([[1, 2, 3]], "half a corner"),
        ("text", "expected a list of numbers"),
    ],
)
def test_a_damaged_mask_names_file_and_annotation(
    tmp_path: Path, layouts: Any, segmentation: Any, sentence: str
) -> None:
    tables = layouts.instances()
    tables["annotations"][1]["segmentation"] = segmentation
    layouts.coco(tmp_path, **tables)
    with pytest.raises(DatasetError, match=sentence) as caught:
        open_coco(tmp_path)[0]
    assert "instances_val2017.json, annotation 2: " in str(caught.value)


def test_numbers_of_images_may_be_text(tmp_path: Path, layouts: Any) -> None:
    tables = layouts.instances()
    for row in (*tables["images"], *tables["annotations"]):
        row["id" if "file_name" in row else "image_id"] = "img_7"
    layouts.coco(tmp_path, **tables)
    (sample,) = open_coco(tmp_path)
    assert (sample.id, sample.number, len(sample.objects)) == ("img_7", "img_7", 2)


@pytest.mark.parametrize("segmentation", [[], None])
def test_boxes_without_a_mask_are_no_objects(
    tmp_path: Path, layouts: Any, segmentation: Any
) -> None:
    tables = layouts.instances()
    tables["annotations"][0]["segmentation"] = segmentation
    layouts.coco(tmp_path, **tables)
    with pytest.warns(UserWarning, match="1 annotations have no mask"):
        (sample,) = open_coco(tmp_path)
    assert [item.mask.area for item in sample.objects] == [4]
    del tables["annotations"][1]
    layouts.coco(tmp_path, **tables)
    with pytest.raises(DatasetError, match="holds no masks"):
        open_coco(tmp_path)


def test_categories_need_whole_numbers(tmp_path: Path, layouts: Any) -> None:
    tables = layouts.instances()
    tables["categories"][0]["id"] = tables["annotations"][1]["category_id"] = "dog"
    layouts.coco(tmp_path, **tables)
    with pytest.raises(DatasetError, match="numbers a category 'dog'"):
        open_coco(tmp_path)
