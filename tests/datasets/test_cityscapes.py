"""Cityscapes: both kinds of numbers, cities as folders, and names of panoptic pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lexiseg.datasets import IGNORE, load_class_list
from lexiseg.registry import DATASETS
from tests.contracts.test_datasets import cityscapes, cityscapes_panoptic


def test_label_numbers_and_training_numbers_are_the_same_classes(
    layouts: Any, tmp_path: Path
) -> None:
    cityscapes(layouts, tmp_path / "trained")
    labels = tmp_path / "plain/gtFine/val/ulm/ulm_0_1_gtFine_labelIds.png"
    layouts.labels(labels, [[7, 33, 4]])
    layouts.photo(tmp_path / "plain/leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png")
    for folder in ("trained", "plain"):
        [sample] = DATASETS["cityscapes"](tmp_path / folder)
        assert sample.truth.tolist() == [[1, 19, IGNORE]]
        assert sample.image.is_file()


def test_label_numbers_follow_the_order_of_the_classes(layouts: Any, tmp_path: Path) -> None:
    numbers = {"road": 7, "fence": 13, "sky": 23, "person": 24, "train": 31, "bicycle": 33}
    labels = tmp_path / "gtFine/val/ulm/ulm_0_1_gtFine_labelIds.png"
    layouts.labels(labels, [list(numbers.values())])
    layouts.photo(tmp_path / "leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png")
    [sample] = DATASETS["cityscapes"](tmp_path)
    names = load_class_list("cityscapes-19").names
    assert [names[value - 1] for value in sample.truth[0]] == list(numbers)


def test_panoptic_pictures_lie_in_the_folder_of_their_city(layouts: Any, tmp_path: Path) -> None:
    cityscapes_panoptic(layouts, tmp_path)
    dataset = DATASETS["cityscapes-panoptic"](tmp_path)
    [sample] = dataset
    assert sample.image == tmp_path / "leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png"
    assert dataset.classes.names[0] == "road"
    assert [item.class_index for item in sample.segments] == [0, 18]
