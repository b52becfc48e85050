"""ADE20K: the 150 classes of the scene parsing benchmark and the 847 of the full set."""

from __future__ import annotations

from pathlib import Path

from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.label_map import (
    LabelMapDataset,
    from_background_zero,
    from_class_zero,
    read_labels,
)
from lexiseg.datasets.layout import FolderLayout, list_stems

_FOLDERS = {"val": "validation", "train": "training"}


def open_ade150(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """The scene parsing benchmark; label 0 (other) is left out of the metric.

    Args:
        data: ``ADEChallengeData2016`` or the folder above it.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    folder = _FOLDERS.get(split, split)
    layout = FolderLayout(
        "ade150",
        "http://sceneparsing.csail.mit.edu",
        f"images/{folder}/*.jpg and annotations/{folder}/*.png with 0 = other, 1..150",
        ("ADEChallengeData2016",),
    )
    truth = layout.find(Path(data), f"annotations/{folder}")
    images = layout.find(Path(data), f"images/{folder}")
    classes = load_class_list("ade-150", wording)
    return LabelMapDataset(
        name="ade150",
        split=split,
        classes=classes,
        counts_background=False,
        ids=list_stems(truth, (".png",)),
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: from_background_zero(
            read_labels(truth / f"{stem}.png"), len(classes)
        ),
    )


def open_ade847(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """The 847 frequent classes of the full set, in the form converted for detectron2.

    Args:
        data: ``ADE20K_2021_17_01`` or the folder above it.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    folder = _FOLDERS.get(split, split)
    layout = FolderLayout(
        "ade847",
        "https://ade20k.csail.mit.edu, converted by MaskFormer's prepare_ade20k_full_sem_seg.py",
        f"images_detectron2/{folder}/*.jpg and annotations_detectron2/{folder}/*.tif with 0..846 "
        "(65535 = ignored)",
        ("ADE20K_2021_17_01",),
    )
    truth = layout.find(Path(data), f"annotations_detectron2/{folder}")
    images = layout.find(Path(data), f"images_detectron2/{folder}")
    classes = load_class_list("ade-847", wording)
    suffix = ".tif" if any(truth.glob("*.tif")) else ".png"
    return LabelMapDataset(
        name="ade847",
        split=split,
        classes=classes,
        counts_background=False,
        ids=list_stems(truth, (suffix,)),
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: from_class_zero(
            read_labels(truth / f"{stem}{suffix}"), len(classes)
        ),
    )
