"""LVIS: 1203 classes of which each image was searched for some only."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lexiseg.datasets.annotation import Row
from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.coco_instances import InstanceTables, read_tables
from lexiseg.datasets.layout import FolderLayout

_KEYS = ("id", "coco_url", "height", "width", "neg_category_ids", "not_exhaustive_category_ids")


def open_lvis(data: Path, *, split: str = "val") -> InstanceTables:
    """LVIS v1 on the images of COCO 2017.

    An image tells which classes are present, which are absent (``neg_category_ids``), and of
    which present ones not every object is marked (``not_exhaustive_category_ids``).

    Args:
        data: the folder with the annotations and COCO's image folders.
        split: "val", "train", or "minival" where that file is there.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    layout = FolderLayout(
        "lvis",
        "https://www.lvisdataset.org",
        f"lvis_v1_{split}.json with COCO's val2017/*.jpg and train2017/*.jpg",
        ("lvis", "coco"),
    )
    names = (f"lvis_v1_{split}.json", f"annotations/lvis_v1_{split}.json")
    path = layout.find(Path(data), *names)
    tables = read_tables(path, images=_KEYS)
    root = layout.find(Path(data), "val2017", "train2017", "images/val2017").parent

    rows = sorted(tables["categories"], key=lambda row: row["id"])
    labels = tuple(str(row["name"]) for row in rows)
    prompts = tuple(" ".join(label.replace("_", " ").split()) for label in labels)
    classes = ClassList(f"lvis-{len(labels)}", labels, prompts)
    picture = partial(_picture, root)
    return InstanceTables("lvis", split, classes, tables, picture, path, federated=True)


def _picture(root: Path, row: Row) -> Path:
    """LVIS names a picture by its address at COCO, which ends in FOLDER/FILE."""
    return root / "/".join(row["coco_url"].split("/")[-2:])
