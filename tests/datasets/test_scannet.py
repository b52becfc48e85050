"""ScanNet: lists of pairs, three readings of label numbers, and frames named in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lexiseg.datasets import IGNORE
from lexiseg.errors import DatasetError, UnknownNameError
from lexiseg.registry import DATASETS
from tests.contracts.test_datasets import scannet, scannet_panoptic

LABELS = "scannet_frames_25k/scene0011_00/label/000100.png"


@pytest.mark.parametrize(
    ("name", "split", "values", "expected"),
    [
        ("scannet20", "val", [0, 1, 39, 13], [IGNORE, 1, 20, IGNORE]),
        ("scannet20", "from-one:val", [0, 1, 20, 21], [IGNORE, 1, 20, IGNORE]),
        ("scannet20", "from-zero:val", [0, 19, 20, 255], [1, 20, IGNORE, IGNORE]),
        ("scannet40", "val", [0, 1, 40, 41], [IGNORE, 1, 40, IGNORE]),
    ],
)
def test_label_numbers(
    layouts: Any, tmp_path: Path, name: str, split: str, values: list[int], expected: list[int]
) -> None:
    scannet(layouts, tmp_path)
    layouts.labels(tmp_path / LABELS, [values])
    dataset = DATASETS[name](tmp_path, split=split)
    assert dataset[0].truth.tolist() == [expected]
    assert dataset.ids == ("scene0011_00_000100",)
    assert not dataset.counts_background


def test_twenty_of_forty_are_the_same_names(layouts: Any, tmp_path: Path) -> None:
    scannet(layouts, tmp_path)
    layouts.labels(tmp_path / LABELS, [list(range(41))])
    twenty, forty = (DATASETS[name](tmp_path) for name in ("scannet20", "scannet40"))
    for few, all_ in zip(twenty[0].truth[0], forty[0].truth[0], strict=True):
        if few != IGNORE:
            same = {"refridgerator": "refrigerator"}
            name = forty.classes.names[all_ - 1]
            assert same.get(name, name) == twenty.classes.names[few - 1]


def test_unknown_reading_lists_what_there_is(layouts: Any, tmp_path: Path) -> None:
    scannet(layouts, tmp_path)
    with pytest.raises(UnknownNameError, match="from-zero"):
        DATASETS["scannet20"](tmp_path, split="raw:val")


def test_a_line_that_is_no_pair_is_named(layouts: Any, tmp_path: Path) -> None:
    scannet(layouts, tmp_path)
    layouts.lines(tmp_path / "scannetv2_val.txt", "scene0011_00/color/1.jpg")
    with pytest.raises(DatasetError, match=r"scannetv2_val\.txt, line 1"):
        DATASETS["scannet20"](tmp_path)


@pytest.mark.parametrize(
    "file", ["scene0011_00_000100.jpg", "scene0011_00/000100.png", "scene0011_00/color/000100.jpg"]
)
def test_frames_are_found_by_any_of_their_names(layouts: Any, tmp_path: Path, file: str) -> None:
    scannet_panoptic(layouts, tmp_path)
    path = tmp_path / "scannet_panoptic_val.json"
    path.write_text(path.read_text().replace('"scene0011_00_000100.jpg"', f'"{file}"'))
    dataset = DATASETS["scannet-panoptic"](tmp_path)
    assert dataset[0].image.is_file()
    assert dataset.most_asked == 18
    assert len(dataset.classes) == 20
