"""What a folder or file holds is seen by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lexiseg.errors import DatasetError
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from tests.training.openworldsam.data_files import annotation, write_coco


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (None, "panoptic_train.json"),
        ("panoptic", "panoptic_train.json"),
        ("instance", "instances_train.json"),
        ("referring", "refs(miniworld).p"),
    ],
)
def test_a_folder_in_all_layouts(world: Path, task, name: str) -> None:
    examples, found = open_examples(DataChoice(world, task))
    assert examples.file.name == name and found == (task or "panoptic")
    assert all(row.asking for row in examples.rows)


@pytest.mark.parametrize(
    ("place", "task"),
    [
        ("annotations/panoptic_train.json", "panoptic"),
        ("annotations/instances_train.json", "instance"),
        ("miniworld/refs(miniworld).p", "referring"),
        ("miniworld/refs.json", "referring"),
    ],
)
def test_a_file_tells_its_kind(world: Path, place: str, task: str) -> None:
    assert open_examples(DataChoice(world / place))[1] == task


def test_pictures_without_annotations_are_not_visited(tmp_path: Path) -> None:
    examples, task = open_examples(DataChoice(write_coco(tmp_path, [annotation(1, 2, 1)])))
    assert task == "instance" and [row.id for row in examples.rows] == ["2"]


def test_nothing_to_learn_from_is_one_sentence(tmp_path: Path) -> None:
    file = write_coco(tmp_path, [annotation(1, 1, 1, segmentation=[[1.0, 2.0]])])
    with pytest.raises(DatasetError, match="nothing that an adapter can learn from") as caught:
        open_examples(DataChoice(file))
    assert "annotation 1" in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_not_there_is_one_sentence(world: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        open_examples(DataChoice(tmp_path / "none"))
    with pytest.raises(DatasetError, match="no annotation file of split 'val'"):
        open_examples(DataChoice(world, "instance", split="val"))
    for name in ("instances_train2014.json", "instances_train2017.json"):
        (tmp_path / name).write_text(json.dumps({}))
    with pytest.raises(DatasetError, match="give the one that is meant"):
        open_examples(DataChoice(tmp_path))
