"""Every semantic reader on a tiny copy of its layout: labels, lists, and what is ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import IGNORE, load_class_list
from lexiseg.datasets.label_map import read_labels
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS

ON_DISK = sorted(set(DATASETS) - {"miniworld"})


@pytest.mark.parametrize("root", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_voc_is_found_at_and_below_the_folder(layouts: Any, tmp_path: Path, root: str) -> None:
    layouts.voc(tmp_path / root)
    sample = DATASETS["voc21"](tmp_path)[0]
    assert sample.truth.tolist() == [[0, 1, 2], [20, IGNORE, IGNORE]]
    assert sample.image.is_file()


def test_voc20_and_voc21_differ_only_in_the_background_rule(layouts: Any, tmp_path: Path) -> None:
    layouts.voc(tmp_path)
    with_background, without = DATASETS["voc21"](tmp_path), DATASETS["voc20"](tmp_path)
    assert with_background.counts_background
    assert not without.counts_background
    assert np.array_equal(with_background[0].truth, without[0].truth)


def test_context_reads_pngs_and_the_original_459_labels_alike(layouts: Any, tmp_path: Path) -> None:
    all_names = load_class_list("pc-459", "plain").number
    number = load_class_list("context-59", "plain").number
    layouts.lines(tmp_path / "png/ImageSets/SegmentationContext/val.txt", "2008_1")
    layouts.lines(tmp_path / "mat/ImageSets/Main/val.txt", "2008_1 1")
    names = ["sky", "tvmonitor", "pottedplant", "table", "wood"]
    layouts.labels(
        tmp_path / "png/SegmentationClassContext/2008_1.png", [[0, *(number[n] for n in names)]]
    )
    rare = all_names["accordion"]  # not one of the 59, so background
    layouts.mat(tmp_path / "mat/trainval/2008_1.mat", [[rare, *(all_names[n] for n in names)]])
    for folder in ("png", "mat"):
        layouts.photo(tmp_path / folder / "JPEGImages/2008_1.jpg")
    from_png = DATASETS["context60"](tmp_path / "png")[0]
    from_mat = DATASETS["context60"](tmp_path / "mat")[0]
    assert np.array_equal(from_png.truth, from_mat.truth)
    assert from_png.truth.tolist() == [[0, *(number[n] for n in names)]]


def test_pc459_reads_converted_and_original_labels(layouts: Any, tmp_path: Path) -> None:
    converted, original = tmp_path / "tif", tmp_path / "mat"
    layouts.labels(
        converted / "annotations_detectron2/pc459_val/a.tif", [[0, 458, 65535]], np.uint16
    )
    layouts.mat(original / "trainval/a.mat", [[1, 459, 0]])
    layouts.lines(original / "ImageSets/Main/val.txt", "a")
    for folder in (converted, original):
        layouts.photo(folder / "JPEGImages/a.jpg")
    assert DATASETS["pc459"](converted)[0].truth.tolist() == [[1, 459, IGNORE]]
    assert DATASETS["pc459"](original)[0].truth.tolist() == [[1, 459, 0]]


def test_ade150_counts_from_one_and_ade847_from_zero(layouts: Any, tmp_path: Path) -> None:
    small, full = tmp_path / "ADEChallengeData2016", tmp_path / "ADE20K_2021_17_01"
    layouts.labels(small / "annotations/validation/ADE_val_1.png", [[0, 1, 150, 200]])
    layouts.photo(small / "images/validation/ADE_val_1.jpg")
    layouts.labels(
        full / "annotations_detectron2/validation/ADE_val_1.tif", [[0, 846, 900, 65535]], np.uint16
    )
    layouts.photo(full / "images_detectron2/validation/ADE_val_1.jpg")
    assert DATASETS["ade150"](tmp_path)[0].truth.tolist() == [[0, 1, 150, IGNORE]]
    assert DATASETS["ade847"](tmp_path)[0].truth.tolist() == [[1, 847, IGNORE, IGNORE]]


def test_labels_converted_for_detectron2_begin_at_zero(layouts: Any, tmp_path: Path) -> None:
    layouts.labels(tmp_path / "annotations_detectron2/validation/a.png", [[0, 149, 255]])
    layouts.photo(tmp_path / "images/validation/a.jpg")
    assert DATASETS["ade150"](tmp_path)[0].truth.tolist() == [[1, 150, IGNORE]]
    layouts.labels(tmp_path / "annotations_detectron2/pc59_val/a.png", [[0, 58, 255]])
    layouts.photo(tmp_path / "JPEGImages/a.jpg")
    assert DATASETS["context59"](tmp_path)[0].truth.tolist() == [[1, 59, IGNORE]]


def test_coco_paints_small_objects_over_big_ones(layouts: Any, tmp_path: Path) -> None:
    layouts.coco(tmp_path)
    truth = DATASETS["coco-object"](tmp_path)[0].truth
    expected = [[1, 2, 2, 1, 0, 0]] * 2 + [[1, 1, 1, 1, 0, 0]] * 2
    assert truth.tolist() == expected  # 3 and 18 are the first and second category listed


def test_coco_crowds_lie_under_objects(layouts: Any, tmp_path: Path) -> None:
    big, small = layouts.instances()["annotations"]
    layouts.coco(tmp_path, annotations=[big, {**small, "iscrowd": 1}])
    assert 2 not in DATASETS["coco-object"](tmp_path)[0].truth


def test_coco_prefers_published_label_maps(layouts: Any, tmp_path: Path) -> None:
    layouts.coco(tmp_path)
    name = "annotations/val2017/000000000007_instanceTrainIds.png"
    layouts.labels(tmp_path / name, [[0, 80, 255]])
    dataset = DATASETS["coco-object"](tmp_path)
    assert dataset[0].truth.tolist() == [[0, 80, IGNORE]]
    assert dataset[0].image.name == "000000000007.jpg"


@pytest.mark.parametrize("name", ON_DISK)
def test_missing_data_set_says_what_and_where(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        DATASETS[name](tmp_path)
    message = str(caught.value)
    assert name in message
    assert "http" in message
    assert "expected" in message
    assert "\n" not in message


def test_unreadable_and_coloured_labels_are_one_sentence(layouts: Any, tmp_path: Path) -> None:
    layouts.voc(tmp_path)
    path = tmp_path / "SegmentationClass/2007_000001.png"
    dataset = DATASETS["voc21"](tmp_path)
    layouts.labels(path, np.zeros((2, 3, 3)))
    with pytest.raises(DatasetError, match="one integer per pixel"):
        dataset[0]
    path.write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match="cannot be read"):
        dataset[0]


def test_real_voc_photographs(shared: Path) -> None:
    dataset = DATASETS["voc21"](shared / "data/real/voc2012")
    assert len(dataset) == 156
    shown = set()
    for index in range(0, len(dataset), 10):
        sample = dataset[index]
        assert sample.image.is_file()
        shown |= set(np.unique(sample.truth).tolist())
    assert shown <= {*range(21), IGNORE}
    assert {0, 15, IGNORE} <= shown


def test_real_coco_masks_agree_with_the_voc_view(shared: Path) -> None:
    """The VOC view was rasterised elsewhere from the same polygons; 255 marks its crowds."""
    coco80 = load_class_list("coco-80", "plain").names
    voc20 = load_class_list("voc-20", "plain").number
    spelled = {
        "airplane": "aeroplane",
        "couch": "sofa",
        "dining table": "diningtable",
        "motorcycle": "motorbike",
        "potted plant": "pottedplant",
        "tv": "tvmonitor",
    }
    table = np.zeros(IGNORE + 1, dtype=int)
    for number, name in enumerate(coco80, start=1):
        table[number] = voc20.get(spelled.get(name, name), 0)
    dataset = DATASETS["coco-object"](shared / "data/real/coco")
    view = shared / "data/real/coco/voc_view"
    ids = DATASETS["voc21"](view, split="val").ids[:12]
    agreeing = counted = 0
    for name in ids:
        theirs = read_labels(view / "SegmentationClass" / f"{name}.png")
        ours = table[dataset.read_truth(name)]
        kept = theirs != 255
        agreeing += np.count_nonzero((ours == theirs)[kept])
        counted += np.count_nonzero(kept)
    assert agreeing / counted > 0.995  # the rest are ties in the painting order


def test_real_ade_labels(shared: Path) -> None:
    dataset = DATASETS["ade150"](shared / "data/real/ade20k/sceneparsing")
    assert len(dataset) == 3
    names = {dataset.classes.names[k - 1] for k in np.unique(dataset[0].truth) if 0 < k < IGNORE}
    assert {"wall", "floor"} & names
