"""Damaged files through `lexiseg.read`: results that hold together, or one sentence."""

from __future__ import annotations

import base64
import io
import json
import random
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lexiseg
from lexiseg.errors import LexisegError
from lexiseg.io import reading as reading_module
from lexiseg.registry import WRITERS
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
)
from tests.fuzz.mutation import damage

SIZE_HW = (16, 20)
LABELS = ("dog", "red car", "sky")
SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]


def example(path: Path) -> Result:
    masks = [np.zeros(SIZE_HW, bool) for _ in range(3)]
    masks[0][2:8, 2:8] = masks[1][5:12, 6:15] = masks[2][0] = True
    items = tuple(
        Instance(label, score, Mask.from_array(mask), label != "sky")
        for label, score, mask in zip(
            ("dog", "red car", "sky"), (0.9, 0.5, 0.25), masks, strict=True
        )
    )
    verdicts = [Presence(item.label, item.score, True, "seen", 1) for item in items]
    trace = PresenceTrace([*verdicts, Presence("zebra", 0.1, False, "absent")])
    names = (*(item.label for item in items), "zebra")
    recipe = Recipe("car", "mini", timing_ms={"encode": 1.0})
    return Result(SIZE_HW, names, Instances(items, SIZE_HW), trace, recipe, path)


def written(name: str) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        picture = folder / "a.png"
        Image.new("RGB", SIZE_HW[::-1], "red").save(picture)
        WRITERS[name]([example(picture), example(picture)], folder, name="all")
        files = [path for path in folder.iterdir() if path.is_file() and path != picture]
        if name.startswith("label-studio"):  # beside the tasks lies what a project shows them by
            files = [path for path in files if path.suffix == ".json"]
        inner = folder / {"masks": "masks", "labelme": "labelme", "yolo": "yolo"}.get(name, "")
        return min(files, key=lambda path: len(path.name)) if files else inner

    return build


def foreign_coco(folder: Path) -> Path:
    Image.new("RGB", SIZE_HW[::-1], "red").save(folder / "a.png")
    runs = {"size": list(SIZE_HW), "counts": [34, 6, 10, 6, 10, 6, 10, 6, 10, 6, 10, 6, 200]}
    entries = [
        {"segmentation": [SQUARE], "bbox": [2, 2, 6, 6], "area": 36, "iscrowd": 0, "score": 0.5},
        {"segmentation": runs, "iscrowd": 1},
        {"segmentation": [], "bbox": [1, 1, 4, 4]},
    ]
    content = {
        "images": [{"id": 7, "file_name": "a.png", "height": 16, "width": 20, "license": 1}],
        "annotations": [
            {"id": n, "image_id": 7, "category_id": 18, **entry} for n, entry in enumerate(entries)
        ],
        "categories": [
            {"id": 18, "name": "dog", "supercategory": "animal"},
            {"id": 3, "name": "x"},
        ],
    }
    path = folder / "in.json"
    path.write_text(json.dumps(content))
    return path


def foreign_labelme(folder: Path) -> Path:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE_HW[::-1], "red").save(buffer, "PNG")
    points = [[2, 2], [8, 2], [8, 8], [2, 8]]
    kinds = [("polygon", points), ("rectangle", points[::2]), ("circle", points[:2])]
    kinds += [("rotation", points), ("line", points[:2]), ("point", points[:1])]
    shapes = [
        {"label": "cat", "points": where, "group_id": None, "shape_type": kind, "flags": {}}
        for kind, where in kinds
    ]
    content = {
        "version": "5.5.0",
        "flags": {"night": True},
        "shapes": shapes,
        "imagePath": "a.png",
        "imageData": base64.b64encode(buffer.getvalue()).decode(),
        "imageHeight": 16,
        "imageWidth": 20,
    }
    (folder / "a.json").write_text(json.dumps(content))
    return folder


def foreign_yolo(folder: Path) -> Path:
    for part in ("images", "labels"):
        (folder / "train" / part).mkdir(parents=True)
    Image.new("RGB", SIZE_HW[::-1], "red").save(folder / "train" / "images" / "a.png")
    lines = ("0 0.5 0.5 0.5 0.5", "1 0.1 0.1 0.5 0.1 0.5 0.5 0.9", "0 0.1 0.1 0.5 0.1 0.5 0.5")
    (folder / "train" / "labels" / "a.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text("train: ../train/images\nnames: [cat, dog]\nnc: 2\n")
    return folder


SOURCES: dict[str, Callable[[Path], Path]] = {
    **{name: written(name) for name in WRITERS if name != "overlay"},
    "foreign coco": foreign_coco,
    "foreign labelme": foreign_labelme,
    "foreign yolo": foreign_yolo,
}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_damaged_files_are_results_or_one_sentence(
    name: str, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pictures of the size that may be asked for would take the time of many small ones.
    monkeypatch.setattr(reading_module, "MAX_PIXELS", 1_000_000)
    monkeypatch.chdir(tmp_path)
    whole = tmp_path / "whole"
    whole.mkdir()
    source = SOURCES[name](whole).relative_to(whole)
    assert len(list(lexiseg.read(whole / source))) >= 1
    seed = pytestconfig.getoption("--fuzz-seed")
    end = time.monotonic() + pytestconfig.getoption("--fuzz-seconds")
    round_ = 0
    while time.monotonic() < end or round_ < 20:
        rng = random.Random(f"{seed} {name} {round_}")
        shutil.rmtree(tmp_path / "hurt", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "hurt")
        victims = sorted(path for path in (tmp_path / "hurt").rglob("*") if path.is_file())
        damage(rng.choice(victims), rng)
        try:
            check(tmp_path / "hurt" / source)
        except BaseException as error:
            error.add_note(f"round {round_} of seed {seed}")
            raise
        round_ += 1


def check(source: Path) -> None:
    """Read all of it: what comes is sound, what fails is told in one sentence."""
    begin = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reading = lexiseg.read(source)
            for result in reading:
                sound(result)
    except LexisegError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        assert "hurt" in str(error), f"names no file: {error}"
    else:
        for skip in reading.report.skips:
            assert "\n" not in str(skip) and "hurt" in str(skip)
    assert time.monotonic() - begin < 20, "takes too long"


def sound(result: Result) -> None:
    """Every mask fits its picture, every number is one."""
    height, width = result.size_hw
    assert height >= 1 and width >= 1
    for item in result.instances:
        assert isinstance(item.label, str)
        assert item.mask.size_hw == result.size_hw
        assert np.isfinite(item.score)
        assert int(item.mask.counts.sum()) == height * width
        assert item.mask.to_array().sum() == item.mask.area
    for verdict in result.presence.values():
        assert np.isfinite(verdict.score)
    assert set(result.instances.labels) <= set(result.names)
    json.dumps(result.to_json())
