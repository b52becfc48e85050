"""PASCAL Context: 59 frequent classes (with or without background) and all 459 labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from lexiseg.datasets.class_list import ClassList, load_class_list
from lexiseg.datasets.label_map import (
    LabelMapDataset,
    from_background_zero,
    from_class_zero,
    read_labels,
)
from lexiseg.datasets.layout import FolderLayout, list_stems, read_ids
from lexiseg.datasets.sample import LabelMap
from lexiseg.errors import DatasetError, in_one_line

_SOURCE = "https://cs.stanford.edu/~roozbeh/pascal-context (images: PASCAL VOC 2010)"
_ROOTS = ("VOC2010", "VOCdevkit/VOC2010", "pascal_ctx_d2")
_PICTURES = (".png", ".tif", ".tiff", ".mat")
_WHOLE = ("SegmentationClassContext", "trainval")  # folders that hold every split


def open_context60(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """The 59 classes, background counting as the 60th.

    Args:
        data: the VOC2010 folder (or the VOCdevkit above it) with ``SegmentationClassContext`` as
            PNG, values 0..59, or ``trainval`` with the original .mat files of 459 labels, or
            ``annotations_detectron2/pc59_val`` with values 0..58.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    return _open_59("context60", Path(data), split, wording)


def open_context59(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """The 59 classes, background pixels and answers left out; as `open_context60`."""
    return _open_59("context59", Path(data), split, wording)


def open_pc459(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """All 459 labels, background left out.

    Args:
        data: the VOC2010 folder with ``annotations_detectron2/pc459_val/*.tif`` (0..458), or
            ``pascal_ctx_d2`` with ``annotations_ctx459/validation``, or with ``trainval/*.mat``.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    long_split = {"val": "validation", "train": "training"}.get(split, split)
    folders = (
        f"annotations_detectron2/pc459_{split}",
        f"annotations_ctx459/{long_split}",
        "trainval",
    )
    layout = FolderLayout(
        "pc459", _SOURCE, "JPEGImages and one of " + ", ".join(f"{f}/" for f in folders), _ROOTS
    )
    classes = load_class_list("pc-459", wording)

    def read(path: Path) -> LabelMap:
        if path.suffix == ".mat":
            return from_background_zero(_read_mat(path), len(classes))
        return from_class_zero(read_labels(path), len(classes))

    return _open(layout, Path(data), split, classes, folders, read)


def _open_59(name: str, data: Path, split: str, wording: str) -> LabelMapDataset:
    expected = (
        "JPEGImages, SegmentationClassContext/*.png (or trainval/*.mat) and "
        f"ImageSets/SegmentationContext/{split}.txt, or annotations_detectron2/pc59_{split}/*.png"
    )
    classes = load_class_list("context-59", wording)
    to_59 = _frequent_of_all(classes)

    def read(path: Path) -> LabelMap:
        if path.parent.name.startswith("pc59_"):
            return from_class_zero(read_labels(path), len(classes))
        # Numbers beyond the 459 are no class; the table has a place of that kind at its end.
        whole = path.suffix == ".mat"
        raw = to_59[np.clip(_read_mat(path), 0, len(to_59) - 1)] if whole else read_labels(path)
        return from_background_zero(raw, len(classes))

    layout = FolderLayout(name, _SOURCE, expected, _ROOTS)
    folders = (*_WHOLE, f"annotations_detectron2/pc59_{split}")
    return _open(layout, data, split, classes, folders, read)


def _frequent_of_all(classes: ClassList) -> NDArray[np.int64]:
    """Table from the 459 labels (0 = none) to the 59 classes (0 = background), by name."""
    number = load_class_list("pc-459", "plain").number
    table = np.zeros(2**16, dtype=np.int64)
    for name, value in classes.number.items():
        table[number[name]] = value
    return table


def _open(
    layout: FolderLayout,
    data: Path,
    split: str,
    classes: ClassList,
    folders: tuple[str, ...],
    read: Callable[[Path], LabelMap],
) -> LabelMapDataset:
    truth = layout.find(data, *folders)
    suffix = next((p.suffix for p in truth.iterdir() if p.suffix in _PICTURES), None)
    if suffix is None:
        raise layout.error(data)
    images = layout.find(data, "JPEGImages", f"images/{truth.name}")
    if truth.name in _WHOLE:
        lists = (f"ImageSets/SegmentationContext/{split}.txt", f"ImageSets/Main/{split}.txt")
        ids = read_ids(layout.find(data, *lists))
    else:
        ids = list_stems(truth, _PICTURES)
    return LabelMapDataset(
        name=layout.dataset,
        split=split,
        classes=classes,
        counts_background=layout.dataset == "context60",
        has_void=False,
        ids=ids,
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: read(truth / f"{stem}{suffix}"),
    )


def _read_mat(path: Path) -> NDArray[np.int64]:
    try:
        raw = np.asarray(loadmat(path)["LabelMap"])
        if raw.ndim != 2 or raw.dtype.kind not in "uib":
            raise ValueError(f"it has shape {raw.shape} and type {raw.dtype}")
    except Exception as error:  # a damaged file makes its reader raise anything
        raise DatasetError(
            f"Label file {path} cannot be read; expected a MATLAB file with 'LabelMap' "
            f"({in_one_line(error)})."
        ) from error
    return raw.astype(np.int64)
