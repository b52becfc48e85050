"""BDD10K, the part of BDD100K whose pixels are labelled: streets, semantic and panoptic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.datasets.class_list import ClassList, load_class_list
from lexiseg.datasets.label_map import LabelMapDataset, from_class_zero, read_labels
from lexiseg.datasets.layout import FolderLayout, list_stems
from lexiseg.datasets.sample import PanopticSample, TrueSegment
from lexiseg.errors import DatasetError, in_one_line

_SOURCE = "https://www.vis.xyz/bdd100k (10K images; semantic and panoptic labels)"
_ROOTS = ("bdd100k", "bdd10k")
_CROWD = 0b10  # of the attributes in the green channel: truncated, occluded, crowd, ignored
_IGNORED = 0b01


def open_bdd10k(data: Path, *, split: str = "val", wording: str = "plain") -> LabelMapDataset:
    """Semantic labels in Cityscapes' 19 classes.

    Args:
        data: the folder with ``images/10k`` and ``labels/sem_seg``.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    layout = FolderLayout(
        "bdd10k",
        _SOURCE,
        f"images/10k/{split}/*.jpg and labels/sem_seg/masks/{split}/*.png (0..18, 255 ignored)",
        _ROOTS,
    )
    truth = layout.find(Path(data), f"labels/sem_seg/masks/{split}")
    images = layout.find(Path(data), f"images/10k/{split}")
    classes = load_class_list("bdd10k-19", wording)
    return LabelMapDataset(
        name="bdd10k",
        split=split,
        classes=classes,
        counts_background=False,
        ids=list_stems(truth, (".png",)),
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: from_class_zero(read_labels(truth / f"{stem}.png"), len(classes)),
    )


@dataclass(frozen=True)
class BitmaskImages(Sequence[PanopticSample]):
    """Images with bitmasks: category, attributes and number of a segment in four channels.

    Args:
        split: e.g. ``"val"``.
        classes: class k - 1 has the category k.
        ids: file stems.
        images: folder of the photographs.
        maps: folder of the bitmasks.
    """

    split: str
    classes: ClassList
    ids: tuple[str, ...]
    images: Path
    maps: Path
    name: str = "bdd10k-panoptic"
    most_asked: int | None = 20
    task: Literal["panoptic"] = "panoptic"
    asks_per_image: bool = False

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Categories as in the bitmasks."""
        return tuple(range(1, len(self.classes) + 1))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PanopticSample:  # type: ignore[override]
        stem = self.ids[index]
        numbers, segments = self._segments(self.maps / f"{stem}.png")
        return PanopticSample(stem, stem, self.images / f"{stem}.jpg", numbers, segments)

    def _segments(self, path: Path) -> tuple[NDArray[np.uint32], tuple[TrueSegment, ...]]:
        """Whatever differs in category or number is a segment; stuff of a category is one."""
        kinds, flags, own = _channels(path)
        if kinds.max(initial=0) > len(self.classes):
            raise DatasetError(
                f"Bitmask {path} has the category {kinds.max()}; expected 0 to {len(self.classes)}."
            )
        names = np.array(["", *self.classes.names])
        stuff = np.isin(names, list(self.classes.stuff))
        own = np.where(stuff[kinds], 0, own)
        judged = (kinds > 0) & (flags & _IGNORED == 0)
        packed = (kinds << 17) | (((flags & _CROWD) > 0).astype(np.uint32) << 16) | own
        values, places, areas = np.unique(
            np.where(judged, packed, 0), return_inverse=True, return_counts=True
        )
        numbers = np.arange(len(values), dtype=np.uint32) + (values[0] != 0)
        segments = tuple(
            TrueSegment(int(number), int(value >> 17) - 1, float(area), bool(value >> 16 & 1))
            for number, value, area in zip(numbers, values, areas, strict=True)
            if value
        )
        return numbers[places].reshape(kinds.shape), segments


def _channels(path: Path) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    """Category, attributes and number of the segment of each pixel, each (H, W)."""
    try:
        with Image.open(path) as picture:
            raw = np.asarray(picture)
    except Exception as error:  # damaged pixel data makes decoders raise anything
        raise DatasetError(f"Bitmask {path} cannot be read ({in_one_line(error)}).") from error
    if raw.ndim != 3 or raw.shape[2] != 4 or raw.dtype != np.uint8:
        raise DatasetError(
            f"Bitmask {path} has shape {raw.shape} and type {raw.dtype}; expected a PNG with four "
            "channels of 8 bits."
        )
    kinds, flags, high, low = np.moveaxis(raw.astype(np.uint32), -1, 0)
    return kinds, flags, (high << 8) + low


def open_bdd10k_panoptic(
    data: Path, *, split: str = "val", wording: str = "plain"
) -> BitmaskImages:
    """Panoptic labels in 40 classes; arguments as `open_bdd10k`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    layout = FolderLayout(
        "bdd10k-panoptic",
        _SOURCE,
        f"images/10k/{split}/*.jpg and labels/pan_seg/bitmasks/{split}/*.png",
        _ROOTS,
    )
    maps = layout.find(Path(data), f"labels/pan_seg/bitmasks/{split}")
    images = layout.find(Path(data), f"images/10k/{split}")
    classes = load_class_list("bdd-40", wording)
    return BitmaskImages(split, classes, list_stems(maps, (".png",)), images, maps)
