"""COCO panoptic: 80 things and 53 kinds of stuff, and whatever else lies in its layout."""

from __future__ import annotations

from pathlib import Path

from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.panoptic_tables import (
    PanopticTables,
    category_names,
    panoptic_classes,
    read_panoptic,
)


def open_coco_panoptic(
    data: Path, *, split: str = "val", wording: str = "released"
) -> PanopticTables:
    """COCO panoptic, or a folder in its layout with categories of its own.

    Args:
        data: the folder with images and annotations.
        split: "val" or "train" of COCO 2017, or whatever ``panoptic_SPLIT.json`` is there.
        wording: of COCO's categories; "released" leaves out -other, -merged and -stuff.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    data = Path(data)
    layout = FolderLayout(
        "coco-panoptic",
        "https://cocodataset.org",
        f"{split}2017/*.jpg, annotations/panoptic_{split}2017.json and panoptic_{split}2017/*.png",
        ("coco",),
    )
    stems = (f"panoptic_{split}2017", f"panoptic_{split}")
    path = layout.find(data, *(f"{p}{stem}.json" for stem in stems for p in ("annotations/", "")))
    maps = layout.find(data, f"annotations/{path.stem}", path.stem)
    images = layout.find(
        data, "panoptic_images", f"{split}2017", f"images/{split}2017", "JPEGImages", "images"
    )
    tables, coco = read_panoptic(path), load_class_list("coco-133", wording)
    known = coco if category_names(tables) == coco.names else None
    classes = panoptic_classes(tables, path, known)
    return PanopticTables(
        "coco-panoptic", split, classes, tables, maps, lambda row: images / row["file_name"], path
    )
