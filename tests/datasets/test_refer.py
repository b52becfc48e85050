from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets.annotation import annotation_mask, read_instances
from lexiseg.datasets.refer import read_plain_pickle
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS


@pytest.mark.parametrize(
    ("name", "owner"), [("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")]
)
def test_references_of_an_image_come_together(
    layouts: Any, tmp_path: Path, name: str, owner: str
) -> None:
    references = [
        layouts.reference(0, 1, "the car", "big car"),
        layouts.reference(1, 2, "the dog"),
        layouts.reference(2, 2, "a dog for training", split="train"),
    ]
    layouts.refer(tmp_path / name, references, f"refs({owner}).p")
    dataset = DATASETS[name](tmp_path)
    assert dataset.split == f"val ({owner})"
    assert len(dataset) == 1
    car, dog = dataset[0].targets
    assert car.sentences == ("the car", "big car")
    assert (car.mask.area, dog.mask.area) == (16, 4)
    assert dataset[0].image.is_file()


def test_google_split_of_refcocog_is_a_choice(layouts: Any, tmp_path: Path) -> None:
    layouts.refer(tmp_path, [layouts.reference(0, 1, "x")], "refs(google).p")
    assert DATASETS["refcocog"](tmp_path, split_by="google").split == "val (google)"
    assert DATASETS["refcocog"](tmp_path, split="google:val").split == "val (google)"


def test_gres_unites_objects_and_knows_nothing(layouts: Any, tmp_path: Path) -> None:
    references = [
        layouts.reference(0, [1, 2], "car and dog"),
        layouts.reference(1, [-1], "the zebra"),
    ]
    layouts.refer(tmp_path, references, "grefs(unc).json")
    both, nothing = DATASETS["gres"](tmp_path)[0].targets
    assert both.mask.area == 16  # the dog lies on the car
    assert nothing.mask.area == 0


def test_missing_files_and_empty_splits_are_one_sentence(layouts: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"refs\(unc\)\.p.*https"):
        DATASETS["refcoco"](tmp_path)
    layouts.refer(tmp_path, [layouts.reference(0, 1, "x")])
    with pytest.raises(DatasetError, match="testB"):
        DATASETS["refcoco"](tmp_path, split="testB")


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("echo boom > boom.txt",)


def test_pickle_that_would_run_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps([Bomb()]))
    with pytest.raises(DatasetError, match="only lists"):
        read_plain_pickle(path)
    assert not (tmp_path / "boom.txt").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x02]q\x00(K\x01"])
def test_broken_pickle_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "refs(unc).p"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_plain_pickle(path)


def test_python_2_texts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "refs(unc).p"
    path.write_bytes(b"(lp0\nS'caf\\xe9'\np1\na.")  # a list of one Python 2 str, Latin-1
    assert read_plain_pickle(path) == ["café"]


def test_real_references(shared: Path) -> None:
    folder, images = shared / "data/real/refcoco_style", shared / "data/real/coco/val2017"
    dataset = DATASETS["refcoco"](folder, split_by="lexiseg", images=images)
    targets = [target for sample in dataset for target in sample.targets]
    assert (len(dataset), len(targets)) == (14, 53)
    assert sum(len(target.sentences) for target in targets) == 74
    assert all(sample.image.is_file() for sample in dataset)
    assert all(target.mask.area > 0 for target in targets)


def test_real_annotations_are_filled_as_the_coco_tools_do(shared: Path) -> None:
    from pycocotools.coco import COCO as coco

    path = shared / "data/real/coco/annotations/instances_val2017.json"
    tables, official = read_instances(path), coco()
    official.dataset = tables
    official.createIndex()
    for annotation in tables["annotations"][::7]:
        image = official.imgs[annotation["image_id"]]
        ours = annotation_mask(annotation, (image["height"], image["width"]))
        assert np.array_equal(ours, official.annToMask(annotation).astype(bool))
