"""ScanNet: frames of walks through rooms, in 20 or 40 classes, also panoptic."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from lexiseg.datasets.annotation import Row, telling
from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.label_map import (
    LabelMapDataset,
    from_class_zero,
    from_ignored_zero,
    read_labels,
)
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.panoptic_tables import PanopticTables, panoptic_classes, read_panoptic
from lexiseg.datasets.sample import LabelMap
from lexiseg.errors import DatasetError, UnknownNameError, in_one_line

_SOURCE = "http://www.scan-net.org (scannet_frames_25k)"
_FRAMES = "scannet_frames_25k"
_NYU = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
"""NYU number of each of the 20 classes of the benchmark."""
_FRAME = re.compile(r"(scene\d+_\d+)[_/\\](?:(?:color|label)[_/\\])?([^/\\]+?)(?:\.\w+)?$")


def _of_nyu(raw: LabelMap, classes: int) -> LabelMap:
    table = np.zeros(2**16, dtype=np.uint16)
    table[list(_NYU)] = np.arange(1, len(_NYU) + 1)
    return from_ignored_zero(table[raw], classes)


READINGS: Mapping[str, Callable[[LabelMap, int], LabelMap]] = {
    "nyu": _of_nyu,
    "from-one": from_ignored_zero,
    "from-zero": from_class_zero,
}
"""What the numbers in label files of the 20 classes are: NYU's 40, 1..20 or 0..19."""


def open_scannet20(data: Path, *, split: str = "val", wording: str = "plain") -> LabelMapDataset:
    """The 20 classes of the benchmark; what has none of them is ignored.

    Args:
        data: the folder with ``scannet_frames_25k`` and, beside it, a list ``scannetv2_val*.txt``
            whose lines name a picture and a label file.
        split: "val" or "train"; "from-one:val" or "from-zero:val" for label files that hold
            1..20 (0 ignored) or 0..19 (255 ignored) rather than NYU's numbers.
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
        UnknownNameError: there is no such reading of the numbers.
    """
    reading, _, split = split.rpartition(":")
    if reading and reading not in READINGS:
        raise UnknownNameError("reading of label numbers", reading, READINGS)
    return _open("scannet20", "scannet-20", READINGS[reading or "nyu"], Path(data), split, wording)


def open_scannet40(data: Path, *, split: str = "val", wording: str = "plain") -> LabelMapDataset:
    """All 40 classes, label 0 ignored; arguments as `open_scannet20`, but for the readings."""
    return _open("scannet40", "scannet-40", from_ignored_zero, Path(data), split, wording)


def _open(
    name: str,
    class_list: str,
    reading: Callable[[LabelMap, int], LabelMap],
    data: Path,
    split: str,
    wording: str,
) -> LabelMapDataset:
    layout = FolderLayout(
        name,
        _SOURCE,
        f"{_FRAMES}/sceneXXXX_XX with color/*.jpg and label/*.png, and scannetv2_{split}*.txt",
        ("scannet",),
    )
    frames = layout.find(data, _FRAMES)
    found = sorted([*frames.parent.glob(f"scannetv2_{split}*.txt")])
    if not found:
        raise layout.error(data)
    pairs = _read_pairs(found[0])
    classes = load_class_list(class_list, wording)
    read = partial(_read, reading, len(classes))
    return LabelMapDataset(
        name=name,
        split=split,
        classes=classes,
        counts_background=False,
        ids=tuple(pairs),
        image_path=lambda key: _below(frames, pairs[key][0]),
        read_truth=lambda key: read(_below(frames, pairs[key][1])),
    )


def _read(reading: Callable[[LabelMap, int], LabelMap], classes: int, path: Path) -> LabelMap:
    return reading(read_labels(path).astype(np.uint16), classes)


def _read_pairs(path: Path) -> dict[str, tuple[str, str]]:
    """Scene and frame -> picture and label file, as a list names them."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"Split file {path} cannot be read ({in_one_line(error)}).") from error
    pairs = {}
    for number, words in enumerate(lines, start=1):
        if words:
            with telling(path, f"line {number}"):
                photo, labels = words
                pairs["_".join(_frame(photo))] = photo, labels
    return pairs


def _frame(path: str) -> tuple[str, str]:
    """Scene and number of the frame that a path or an id names."""
    found = _FRAME.search(path)
    if found is None:
        raise DatasetError(
            f"{path!r} names no frame of ScanNet; expected sceneXXXX_XX and a number."
        )
    return found[1], found[2]


def _below(frames: Path, name: str) -> Path:
    """A file of a list, whose path may begin at, above or below the folder of frames."""
    tail = name[name.index("scene") :] if "scene" in name else name
    rest = name.partition(f"{_FRAMES}/")[2]
    return frames / (rest or tail)


def open_scannet_panoptic(
    data: Path, *, split: str = "val", wording: str = "plain"
) -> PanopticTables:
    """Panoptic labels of the 20 classes, of which at most 18 are asked for where present.

    Args:
        data: the folder with ``scannet_frames_25k``, ``scannet_panoptic_val.json`` and the folder
            of its maps.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    data = Path(data)
    stem = f"scannet_panoptic_{split}"
    layout = FolderLayout(
        "scannet-panoptic",
        _SOURCE + ", converted as for X-Decoder",
        f"{_FRAMES}/sceneXXXX_XX/color/*.jpg, {stem}.json and {stem}/*.png",
        ("scannet", _FRAMES),
    )
    path = layout.find(data, f"{stem}.json", f"{_FRAMES}/{stem}.json")
    frames = layout.find(data, _FRAMES, ".")
    tables = read_panoptic(path)
    classes = panoptic_classes(tables, path, load_class_list("scannet-20", wording))
    return PanopticTables(
        "scannet-panoptic", split, classes, tables, path.with_suffix(""),
        partial(_photo, frames), path, most_asked=18,
    )  # fmt: skip


def _photo(frames: Path, row: Row) -> Path:
    scene, number = _frame(str(row.get("file_name", row["id"])))
    return frames / scene / "color" / f"{number}.jpg"
