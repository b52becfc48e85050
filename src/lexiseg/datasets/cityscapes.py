"""Cityscapes: streets of German cities in 19 classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.label_map import LabelMapDataset, from_class_zero, read_labels
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.panoptic_tables import PanopticTables, panoptic_classes, read_panoptic
from lexiseg.datasets.sample import LabelMap

_SOURCE = "https://www.cityscapes-dataset.com (gtFine and leftImg8bit)"
_ROOTS = ("cityscapes", "Cityscapes")
_TRAIN_IDS, _IDS = "_gtFine_labelTrainIds.png", "_gtFine_labelIds.png"
_EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Label number of each of the 19 classes."""


def open_cityscapes(data: Path, *, split: str = "val", wording: str = "plain") -> LabelMapDataset:
    """Semantic labels; what is not evaluated is ignored.

    Args:
        data: the folder with ``leftImg8bit`` and ``gtFine``.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    layout = FolderLayout(
        "cityscapes",
        _SOURCE,
        f"leftImg8bit/{split}/CITY/*_leftImg8bit.png and gtFine/{split}/CITY/*{_IDS} (0..33) or "
        f"*{_TRAIN_IDS} (0..18, 255 ignored)",
        _ROOTS,
    )
    truth = layout.find(Path(data), f"gtFine/{split}")
    images = layout.find(Path(data), f"leftImg8bit/{split}")
    suffix = next((s for s in (_TRAIN_IDS, _IDS) if any(truth.glob(f"*/*{s}"))), None)
    if suffix is None:
        raise layout.error(Path(data))
    classes = load_class_list("cityscapes-19", wording)

    def read(stem: str) -> LabelMap:
        raw = read_labels(truth / _city(stem) / f"{stem}{suffix}")
        return from_class_zero(_train_ids(raw) if suffix == _IDS else raw, len(classes))

    return LabelMapDataset(
        name="cityscapes",
        split=split,
        classes=classes,
        counts_background=False,
        ids=tuple(sorted(p.name.removesuffix(suffix) for p in truth.glob(f"*/*{suffix}"))),
        image_path=lambda stem: images / _city(stem) / f"{stem}_leftImg8bit.png",
        read_truth=read,
    )


def _train_ids(labels: NDArray[np.integer]) -> LabelMap:
    table = np.full(2**16, 255, dtype=np.uint16)
    table[list(_EVALUATED)] = np.arange(len(_EVALUATED))
    numbers: LabelMap = table[labels]
    return numbers


def _city(stem: str) -> str:
    """The folder of an image named ``CITY_SEQUENCE_FRAME``."""
    return stem.split("_")[0]


def open_cityscapes_panoptic(
    data: Path, *, split: str = "val", wording: str = "plain"
) -> PanopticTables:
    """Panoptic labels, as the data set's own script makes them; arguments as `open_cityscapes`.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    data = Path(data)
    stem = f"cityscapes_panoptic_{split}"
    layout = FolderLayout(
        "cityscapes-panoptic",
        _SOURCE + ", converted by its script createPanopticImgs.py",
        f"leftImg8bit/{split}/CITY/*_leftImg8bit.png, gtFine/{stem}.json and gtFine/{stem}/*.png",
        _ROOTS,
    )
    path = layout.find(data, f"gtFine/{stem}.json")
    images = layout.find(data, f"leftImg8bit/{split}")
    tables = read_panoptic(path)
    classes = panoptic_classes(tables, path, load_class_list("cityscapes-19", wording))
    return PanopticTables(
        "cityscapes-panoptic", split, classes, tables, path.with_suffix(""),
        lambda row: images / _city(row["id"]) / f"{row['id']}_leftImg8bit.png", path,
    )  # fmt: skip
