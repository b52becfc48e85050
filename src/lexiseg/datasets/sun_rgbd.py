"""SUN RGB-D: rooms in 37 classes."""

from __future__ import annotations

from pathlib import Path

from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.label_map import LabelMapDataset, from_ignored_zero, read_labels
from lexiseg.datasets.layout import FolderLayout, list_stems
from lexiseg.errors import DatasetError


def open_sun_rgbd(data: Path, *, split: str = "test", wording: str = "plain") -> LabelMapDataset:
    """Semantic labels; label 0 is ignored.

    Args:
        data: the folder with ``image`` and ``label37``, whose sorted files belong together.
        split: "test" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published, or not every picture has a map.
    """
    layout = FolderLayout(
        "sun37",
        "https://rgbd.cs.princeton.edu",
        f"image/{split}/*.jpg and label37/{split}/*.png (0 ignored, 1..37) in the same order",
        ("sun_rgbd", "SUNRGBD"),
    )
    images = layout.find(Path(data), f"image/{split}")
    truth = layout.find(Path(data), f"label37/{split}")
    classes = load_class_list("sun-rgbd-37", wording)
    photos, maps = list_stems(images, (".jpg",)), list_stems(truth, (".png",))
    if len(photos) != len(maps):
        raise DatasetError(
            f"{images} has {len(photos)} pictures but {truth} {len(maps)} maps; expected a map for "
            "every picture."
        )
    map_of = dict(zip(photos, maps, strict=True))
    return LabelMapDataset(
        name="sun37",
        split=split,
        classes=classes,
        counts_background=False,
        ids=photos,
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: from_ignored_zero(
            read_labels(truth / f"{map_of[stem]}.png"), len(classes)
        ),
    )
