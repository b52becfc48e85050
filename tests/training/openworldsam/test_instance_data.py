"""COCO instance files: what is sound is learned from, what is damaged is named and left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lexiseg.errors import DatasetError
from lexiseg.training.openworldsam.instance_data import instance_examples
from lexiseg.types import Mask
from tests.training.openworldsam.data_files import (
    SQUARE,
    annotation,
    change,
    write_coco,
    write_picture,
)


def test_names_in_the_order_of_their_numbers_with_all_their_objects(tmp_path: Path) -> None:
    rows = [annotation(7, 1, 5), annotation(8, 1, 1), annotation(9, 1, 1, segmentation=[
        [12.0, 2.0, 18.0, 2.0, 18.0, 8.0, 12.0, 8.0]])]  # fmt: skip
    examples = instance_examples(write_coco(tmp_path, rows))
    first, second = examples[0], examples[1]
    assert [(item.texts, len(item.masks)) for item in first.wanted] == [
        (("dog",), 2), (("tree",), 1),
    ]  # fmt: skip
    assert [mask.area for mask in first.wanted[0].masks] == [64, 36]
    assert first.absent == ("cat",) and second.absent == ("tree", "dog", "cat")
    assert first.image == tmp_path / "1.png" and first.size_hw == (16, 20)
    assert examples.complaints == ()


def test_crowds_are_not_learned_from_but_present(tmp_path: Path) -> None:
    examples = instance_examples(write_coco(tmp_path, [annotation(1, 1, 2, iscrowd=1)]))
    assert examples[0].wanted == () and examples[0].absent == ("tree", "dog")
    assert examples.complaints == ()


EMPTY = Mask.from_array(np.zeros((16, 20), bool)).to_coco()
LARGE = Mask.from_array(np.ones((17, 20), bool)).to_coco()


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([], "it has no mask"),
        (None, "it has no mask"),
        ([[2.0, 2.0, 9.0, 9.0]], "fewer than three corners"),
        ([[2.0, 2.0, 9.0, 9.0, 4.0]], "half a corner"),
        ([[2.0, float("nan"), 9.0, 9.0, 4.0, 1.0]], "no finite number"),
        ([["a", "b", "c", "d", "e", "f"]], "no number"),
        ("PPYo0", "A polygon is a str"),
        (json.dumps(EMPTY), "A polygon is a str"),
        (EMPTY, "its mask is empty"),
        (LARGE, "its mask is 20x17, its image 20x16"),
        ({"size": [16, 20], "counts": [3, 4]}, "do not fill"),
        ({"counts": "abc"}, "run-length mask needs"),
    ],
)
def test_a_damaged_mask_is_named_and_left_out(tmp_path: Path, segmentation, said) -> None:
    rows = [annotation(3, 1, 1, segmentation=segmentation), annotation(4, 1, 2)]
    file = write_coco(tmp_path, rows)
    examples = instance_examples(file)
    assert [item.texts for item in examples[0].wanted] == [("cat",)]
    assert "dog" not in examples[0].absent  # it may well be there
    (sentence,) = examples.complaints
    assert said in sentence and f"{file}, annotation 3" in sentence and "\n" not in sentence
    assert sentence.endswith("; it is left out.")


def test_an_absent_or_other_picture_is_named_and_left_out(tmp_path: Path) -> None:
    file = write_coco(tmp_path, [annotation(n, n, 1) for n in (1, 2, 3, 4)], pictures=4)
    (tmp_path / "2.png").unlink()
    write_picture(tmp_path / "3.png", (16, 21))
    (tmp_path / "4.png").write_bytes(b"no picture")
    examples = instance_examples(file)
    assert [row.id for row in examples.rows] == ["1"]
    for number, said in ((2, "does not exist"), (3, "21x16, not 20x16"), (4, "is not a picture")):
        sentence = next(line for line in examples.complaints if f"image {number}" in line)
        assert said in sentence and sentence.count("left out") == 1


def test_a_category_without_name_stops_before_the_start(tmp_path: Path) -> None:
    file = change(write_coco(tmp_path, [annotation(1, 1, 1)]), categories=[{"id": 1}])
    with pytest.raises(
        DatasetError, match=r"lacks name in its table 'categories'.*entry 0"
    ) as caught:
        instance_examples(file)
    assert "\n" not in str(caught.value)


def test_an_unknown_category_stops_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="unknown category_id, first 6"):
        instance_examples(write_coco(tmp_path, [annotation(6, 1, 9)]))


def test_of_lvis_only_named_absences_are_absent(tmp_path: Path) -> None:
    file = write_coco(tmp_path, [annotation(1, 1, 1)])
    images = json.loads(file.read_text())["images"]
    images[0] |= {"neg_category_ids": [5], "not_exhaustive_category_ids": []}
    assert instance_examples(change(file, images=images))[0].absent == ("tree",)


def test_polygons_that_cover_no_pixel_are_nothing_to_learn(tmp_path: Path) -> None:
    thin = [[3.4, 2.0, 3.45, 2.0, 3.45, 9.0]]
    examples = instance_examples(write_coco(tmp_path, [annotation(1, 1, 1, segmentation=thin)]))
    assert examples[0].wanted == ()


def test_pictures_are_found_beside_the_file_or_where_the_user_says(tmp_path: Path) -> None:
    rows = [annotation(1, 1, 1, segmentation=[SQUARE])]
    file = write_coco(tmp_path / "annotations", rows, pictures=1)
    (tmp_path / "train2017").mkdir()
    (file.parent / "1.png").rename(tmp_path / "train2017" / "1.png")
    moved = file.rename(file.parent / "instances_train2017.json")
    assert instance_examples(moved)[0].image == tmp_path / "train2017" / "1.png"
    (tmp_path / "train2017").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="give their folder with --images"):
        instance_examples(moved)
    assert instance_examples(moved, tmp_path / "elsewhere")[0].wanted
