"""COCO panoptic files against Miniworld's own truth, and damaged ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.errors import DatasetError
from lexiseg.training.openworldsam.panoptic_data import panoptic_examples, plain_name
from tests.training.openworldsam.data_files import change, write_picture

WORLD = Miniworld("train", 64, 5, things=(1, 4))


def panoptic_file(folder: Path) -> Path:
    return folder / "annotations" / "panoptic_train.json"


@pytest.fixture
def copied(world: Path, tmp_path: Path) -> Path:
    return panoptic_file(shutil.copytree(world, tmp_path / "world"))


def test_every_name_has_its_segments(world: Path) -> None:
    examples = panoptic_examples(panoptic_file(world))
    assert len(examples) == 8 and not examples.complaints
    for number, example in enumerate(examples):
        scene = WORLD[number]
        present = [WORLD.names[k - 1] for k in np.unique(scene.semantic) if k]
        assert [item.texts[0] for item in example.wanted] == present
        assert set(example.absent) == set(WORLD.names) - set(present)
        for item in example.wanted:
            k = WORLD.names.index(item.texts[0]) + 1
            union = np.logical_or.reduce([mask.to_array() for mask in item.masks])
            assert (union == (scene.semantic == k)).all()
            objects = np.unique(scene.instances[scene.semantic == k])
            assert len(item.masks) == len(objects)


def test_crowd_segments_are_present_but_not_learned(copied: Path) -> None:
    rows = json.loads(copied.read_text())["annotations"]
    name = panoptic_examples(copied)[0].wanted[0].texts[0]
    first = rows[0]["segments_info"][0]["category_id"]
    for segment in rows[0]["segments_info"]:
        segment["iscrowd"] = int(segment["category_id"] == first)
    crowd = WORLD.names[first - 1]
    example = panoptic_examples(change(copied, annotations=rows))[0]
    assert crowd not in {item.texts[0] for item in example.wanted} | set(example.absent)
    assert crowd == name or example.wanted[0].texts[0] == name


def test_damaged_records_are_named_and_left_out(copied: Path) -> None:
    rows = json.loads(copied.read_text())["annotations"]
    del rows[1]["segments_info"]
    rows[2]["segments_info"][0]["category_id"] = 4711
    rows[3]["image_id"] = 99
    folder = copied.with_suffix("")
    (folder / rows[4]["file_name"]).unlink()
    write_picture(folder / rows[5]["file_name"], (30, 30))
    examples = panoptic_examples(change(copied, annotations=rows))
    assert [row.id for row in examples.rows] == ["0", "6", "7"]
    said = "\n".join(examples.complaints)
    assert len(examples.complaints) == 5
    for text in ("annotation at place 1", "unknown category 4711", "there is no image 99"):
        assert text in said
    assert "does not exist" in said and "of another size" in said


@pytest.mark.parametrize("table", [{"categories": [{"id": 1}]}, {"annotations": None}])
def test_a_table_that_is_no_use_stops_before_the_start(copied: Path, table) -> None:
    with pytest.raises(DatasetError) as caught:
        panoptic_examples(change(copied, **table))
    assert str(copied) in str(caught.value) and "\n" not in str(caught.value)


def test_names_are_asked_without_cocos_suffixes() -> None:
    given = ("wall-other-merged", "water-other", "floor-wood", "grass-merged", "sky-other-merged")
    assert [plain_name(name) for name in given] == ["wall", "water", "floor-wood", "grass", "sky"]
