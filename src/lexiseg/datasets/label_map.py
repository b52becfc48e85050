"""Data sets whose truth is one class per pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.sample import IGNORE, LabelMap, SemanticSample
from lexiseg.errors import DatasetError, in_one_line


@dataclass(frozen=True)
class LabelMapDataset(Sequence[SemanticSample]):
    """Images with label maps, read when indexed.

    Args:
        name: registry name.
        split: e.g. ``"val"``.
        classes: of the labels 1, 2, ...
        counts_background: whether the published metric counts label 0 as a class.
        ids: one per image.
        image_path: id -> file.
        read_truth: id -> (H, W) uint16 label map.
        has_void: whether nobody judges pixels marked `IGNORE`; otherwise they have no class.
    """

    name: str
    split: str
    classes: ClassList
    counts_background: bool
    ids: tuple[str, ...]
    image_path: Callable[[str], Path]
    read_truth: Callable[[str], LabelMap]
    has_void: bool = True
    task: Literal["semantic"] = "semantic"
    asks_per_image: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> SemanticSample:  # type: ignore[override]
        name = self.ids[index]
        return SemanticSample(name, self.image_path(name), self.read_truth(name))


def read_labels(path: Path) -> NDArray[np.integer]:
    """The raw values of a palette, grey or 16-bit label picture, (H, W).

    Raises:
        DatasetError: the file is absent, no picture, or has several channels.
    """
    try:
        with Image.open(path) as picture:
            raw = np.asarray(picture)
    except Exception as error:  # damaged pixel data makes decoders raise anything
        reason = in_one_line(error)
        raise DatasetError(f"Label file {path} cannot be read ({reason}).") from error
    if raw.ndim != 2 or raw.dtype.kind not in "uib":
        raise DatasetError(
            f"Label file {path} has shape {raw.shape} and type {raw.dtype}; expected one integer "
            "per pixel (palette or grey picture)."
        )
    return raw


def from_background_zero(raw: NDArray[np.integer], classes: int) -> LabelMap:
    """Labels 0 (background), 1..classes; everything above is ignored."""
    wide = raw.astype(np.int64)
    return np.where((wide < 0) | (wide > classes), IGNORE, wide).astype(np.uint16)


def from_class_zero(raw: NDArray[np.integer], classes: int) -> LabelMap:
    """Labels 0..classes-1 without background; everything above is ignored."""
    wide = raw.astype(np.int64)
    return np.where((wide < 0) | (wide >= classes), IGNORE, wide + 1).astype(np.uint16)


def from_ignored_zero(raw: NDArray[np.integer], classes: int) -> LabelMap:
    """Labels 1..classes where 0, as everything above, is ignored."""
    wide = raw.astype(np.int64)
    return np.where((wide < 1) | (wide > classes), IGNORE, wide).astype(np.uint16)
