"""Damaged data sets through every reader of the registry: samples, or one sentence."""

from __future__ import annotations

import json
import random
import shutil
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import annotation as annotation_module
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.errors import LexisegError
from lexiseg.registry import DATASETS
from tests.contracts.test_datasets import WRITTEN
from tests.datasets.conftest import Layouts
from tests.fuzz.mutation import damage

LAYOUTS = Layouts()
# SciPy's reader of MATLAB files ends the process on some damaged ones, which no caller can help.
SPARED = (".jpg", ".mat")
VALUES = [[0, 1, 2, 0, 0, 0]] * 4


def voc(folder: Path) -> None:
    LAYOUTS.voc(folder)


def context(folder: Path) -> None:
    LAYOUTS.lines(folder / "ImageSets/SegmentationContext/val.txt", "2008_1")
    LAYOUTS.photo(folder / "JPEGImages/2008_1.jpg")
    LAYOUTS.mat(folder / "trainval/2008_1.mat", VALUES)


def ade150(folder: Path) -> None:
    LAYOUTS.photo(folder / "images/validation/a.jpg")
    LAYOUTS.labels(folder / "annotations/validation/a.png", VALUES)


def ade847(folder: Path) -> None:
    LAYOUTS.photo(folder / "images_detectron2/validation/a.jpg")
    LAYOUTS.labels(folder / "annotations_detectron2/validation/a.tif", VALUES, np.uint16)


def refer(folder: Path) -> None:
    references = [LAYOUTS.reference(1, 1, "the big one"), LAYOUTS.reference(2, 2, "a", "b")]
    LAYOUTS.refer(folder, references)
    LAYOUTS.refer(folder, references, "refs(umd).p")
    LAYOUTS.refer(folder, [*references, LAYOUTS.reference(3, [1, 2])], "grefs(unc).json")


def davis(folder: Path) -> None:
    LAYOUTS.photo(folder / "JPEGImages/480p/goat/00000.jpg")
    LAYOUTS.labels(folder / "Annotations/480p/goat/00000.png", VALUES)
    LAYOUTS.lines(folder / "ImageSets/2017/val.txt", "goat")
    entry = {"exp": "the goat", "obj_id": "1"}
    content = {"videos": {"goat": {"expressions": {"0": entry, "1": entry}, "frames": ["00000"]}}}
    LAYOUTS.json(folder / "meta_expressions/valid/meta_expressions.json", content)


def lvis(folder: Path) -> None:
    LAYOUTS.coco(folder)
    tables = LAYOUTS.instances()
    tables["images"][0] |= {
        "coco_url": "http://images.cocodataset.org/val2017/000000000007.jpg",
        "neg_category_ids": [3],
        "not_exhaustive_category_ids": [18],
    }
    tables["categories"][0]["frequency"] = tables["categories"][1]["frequency"] = "r"
    LAYOUTS.json(folder / "lvis_v1_val.json", tables)


def miniworld(folder: Path) -> None:
    write_miniworld(folder, 1, Miniworld(split="test", size=32, seed=5, things=(2, 3)))


SHARED = (
    *("ade150-instances", "ade150-panoptic", "bdd10k", "bdd10k-panoptic", "cityscapes"),
    *("cityscapes-panoptic", "coco-panoptic", "refcocog-umd", "scannet-panoptic", "scannet20"),
    *("scannet40", "sun37"),
)
SOURCES: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(("voc20", "voc21"), voc),
    **dict.fromkeys(("context59", "context60", "pc459"), context),
    **dict.fromkeys(("refcoco", "refcoco+", "refcocog", "gres"), refer),
    **dict.fromkeys(("coco", "coco-object"), LAYOUTS.coco),
    **dict.fromkeys([name for name in DATASETS if name.startswith("miniworld")], miniworld),
    **{name: partial(WRITTEN[name], LAYOUTS) for name in SHARED},
    "ade150": ade150,
    "ade847": ade847,
    "ref-davis": davis,
    "lvis": lvis,
}


def test_every_reader_has_a_source() -> None:
    assert set(SOURCES) == set(DATASETS)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_damaged_data_sets_are_samples_or_one_sentence(
    name: str, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotation_module, "_MOST_PIXELS", 1_000_000)
    whole = tmp_path / "whole"
    SOURCES[name](whole)
    assert visit(DATASETS[name](whole)) >= 1
    seed = pytestconfig.getoption("--fuzz-seed")
    end = time.monotonic() + pytestconfig.getoption("--fuzz-seconds") / 2
    round_ = 0
    while time.monotonic() < end or round_ < 10:
        rng = random.Random(f"{seed} {name} {round_}")
        shutil.rmtree(tmp_path / "hurt", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "hurt")
        victims = (path for path in (tmp_path / "hurt").rglob("*") if path.suffix not in SPARED)
        damage(rng.choice(sorted(path for path in victims if path.is_file())), rng)
        try:
            check(name, tmp_path / "hurt")
        except BaseException as error:
            error.add_note(f"round {round_} of seed {seed}")
            raise
        round_ += 1


def check(name: str, folder: Path) -> None:
    begin = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            visit(DATASETS[name](folder))
    except LexisegError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        assert "hurt" in str(error), f"names no file: {error}"
    assert time.monotonic() - begin < 20, "takes too long"


def visit(dataset: Any) -> int:
    """Touch everything a measurement would, and return the number of samples."""
    assert len(dataset.ids) == len(dataset)
    json.dumps(list(dataset.ids))
    for index in range(len(dataset)):
        sample = dataset[index]
        if dataset.task == "semantic":
            assert sample.truth.ndim == 2 and sample.truth.dtype == np.uint16
        elif dataset.task == "instances":
            assert all(0 <= item.class_index < len(dataset.classes) for item in sample.objects)
            assert all(np.isfinite(item.area) for item in sample.objects)
            assert all(item.mask.to_array().ndim == 2 for item in sample.objects)
        elif dataset.task == "panoptic":
            assert sample.ids.ndim == 2 and sample.ids.dtype == np.uint32
            assert all(0 <= item.class_index < len(dataset.classes) for item in sample.segments)
            assert all(np.isfinite(item.area) for item in sample.segments)
        elif dataset.task == "referring":
            assert all(target.mask.to_array().ndim == 2 for target in sample.targets)
            assert all(isinstance(text, str) for t in sample.targets for text in t.sentences)
        else:
            assert all(frame.ndim == 2 for frame in sample.truth)
            assert all(isinstance(entry.sentence, str) for entry in sample.expressions)
    return len(dataset)
