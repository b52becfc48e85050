"""PASCAL VOC 2012 with its 20 classes, with (voc21) and without (voc20) background."""

from __future__ import annotations

from pathlib import Path

from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.label_map import LabelMapDataset, from_background_zero, read_labels
from lexiseg.datasets.layout import FolderLayout, read_ids


def open_voc21(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """VOC 2012 where background counts as a class.

    Args:
        data: the VOC2012 folder, or the VOCdevkit above it.
        split: a file of ``ImageSets/Segmentation``.
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    return _open("voc21", Path(data), split, wording)


def open_voc20(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """VOC 2012 where background pixels and background answers are left out; as `open_voc21`."""
    return _open("voc20", Path(data), split, wording)


def _open(name: str, data: Path, split: str, wording: str) -> LabelMapDataset:
    layout = FolderLayout(
        name,
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012",
        f"JPEGImages/*.jpg, SegmentationClass/*.png and ImageSets/Segmentation/{split}.txt",
        ("VOC2012", "VOCdevkit/VOC2012"),
    )
    root = layout.find(data, f"ImageSets/Segmentation/{split}.txt").parents[2]
    classes = load_class_list("voc-20", wording)
    return LabelMapDataset(
        name=name,
        split=split,
        classes=classes,
        counts_background=name == "voc21",
        ids=read_ids(root / "ImageSets" / "Segmentation" / f"{split}.txt"),
        image_path=lambda stem: root / "JPEGImages" / f"{stem}.jpg",
        read_truth=lambda stem: from_background_zero(
            read_labels(root / "SegmentationClass" / f"{stem}.png"), len(classes)
        ),
    )
