"""COCO Object: COCO's 80 thing categories as a semantic map with background."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.annotation import Row, annotation_mask, read_instances, size_of, telling
from lexiseg.datasets.class_list import load_class_list
from lexiseg.datasets.label_map import LabelMapDataset, from_background_zero, read_labels
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.sample import LabelMap
from lexiseg.types import Number

_SUFFIX = "_instanceTrainIds.png"


def open_coco_object(
    data: Path, *, split: str = "val", wording: str = "released"
) -> LabelMapDataset:
    """COCO val2017 (or train2017) with 80 classes and background.

    Label PNGs named ``*_instanceTrainIds.png`` (0 = background, 1..80) are used where they are
    present; otherwise the maps are painted from the instances file: crowds first, then objects
    from the largest to the smallest, so that small things stay visible on big ones.

    Args:
        data: the folder of COCO.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    data = Path(data)
    year = f"{split}2017"
    layout = FolderLayout(
        "coco-object",
        "https://cocodataset.org",
        f"{year}/*.jpg with annotations/instances_{year}.json (or annotations/{year}/*{_SUFFIX})",
        ("coco",),
    )
    images = layout.find(data, f"images/{year}", year)
    classes = load_class_list("coco-80", wording)
    maps = layout.find_optional(data, f"annotations/{year}", f"stuffthingmaps/{year}", year)
    ids = _stems_of_maps(maps) if maps else ()
    if maps and ids:
        read: Callable[[str], LabelMap] = lambda stem: from_background_zero(  # noqa: E731
            read_labels(maps / f"{stem}{_SUFFIX}"), len(classes)
        )
    else:
        painter = _Painter(layout.find(data, f"annotations/instances_{year}.json"))
        ids, read = painter.ids, painter.paint
    return LabelMapDataset(
        name="coco-object",
        split=split,
        classes=classes,
        counts_background=True,
        ids=ids,
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=read,
    )


def _stems_of_maps(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(p.name.removesuffix(_SUFFIX) for p in folder.glob(f"*{_SUFFIX}")))


class _Painter:
    """Label maps from the tables of an instances file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        tables = read_instances(
            file,
            images=("id", "file_name", "height", "width"),
            annotations=("image_id", "category_id", "segmentation"),
        )
        with telling(file, "its table 'categories'"):
            order = sorted(category["id"] for category in tables["categories"])
        self._label = {category: index + 1 for index, category in enumerate(order)}
        self._images = {Path(image["file_name"]).stem: image for image in tables["images"]}
        self._annotations: dict[Number, list[Row]] = defaultdict(list)
        for annotation in tables["annotations"]:
            self._annotations[annotation["image_id"]].append(annotation)
        self.ids: tuple[str, ...] = tuple(sorted(self._images))

    def paint(self, stem: str) -> LabelMap:
        image = self._images[stem]
        with telling(self._file, f"image {image['id']}"):
            size_hw = size_of(image)
            ids = np.zeros(size_hw, dtype=np.uint16)
            masks = [(row, annotation_mask(row, size_hw)) for row in self._annotations[image["id"]]]
            for annotation, mask in sorted(masks, key=_painting_order):
                ids[mask] = self._label[annotation["category_id"]]
        return ids


def _painting_order(entry: tuple[Row, NDArray[np.bool_]]) -> tuple[int, float]:
    """Crowds first, then from the largest to the smallest."""
    annotation, mask = entry
    return -annotation.get("iscrowd", 0), -annotation.get("area", float(mask.sum()))
