"""Regions of an image with their labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.types.rle import Mask


@dataclass(frozen=True)
class Instance:
    """One region: its label, score in [0, 1], mask, and whether it is a countable thing.

    `details` holds what else a method measured, by name; `alternatives` are further labels with
    their scores, best first, where a method found the label itself.
    """

    label: str
    score: float
    mask: Mask
    is_thing: bool = True
    details: Mapping[str, float] = field(default_factory=dict, compare=False)
    alternatives: tuple[tuple[str, float], ...] = field(default=(), compare=False)

    def to_json(self) -> dict[str, object]:
        """What ``--json`` says of a region."""
        record: dict[str, object] = {
            "label": self.label,
            "score": round(float(self.score), 6),
            "bbox": list(self.mask.bbox),
            "area": self.mask.area,
            "segmentation": self.mask.to_coco(),
        }
        if self.alternatives:
            record["alternatives"] = [
                {"label": label, "score": round(float(score), 6)}
                for label, score in self.alternatives
            ]
        if self.details:
            record["details"] = {name: _number(value) for name, value in self.details.items()}
        return record


@dataclass(frozen=True)
class Instances:
    """Regions that may overlap; indexable by position, slice, label, list of these or truth values.

    A position gives one `Instance`, everything else the chosen regions as `Instances`.

    Args:
        items: the regions.
        size_hw: (height, width) of the image in pixels.

    Example:
        >>> import numpy as np
        >>> mask = Mask.from_array(np.ones((2, 2), bool))
        >>> both = Instances((Instance("dog", 0.9, mask), Instance("cat", 0.4, mask)), (2, 2))
        >>> both.filter(min_score=0.5).labels
        ('dog',)
    """

    items: tuple[Instance, ...]
    size_hw: tuple[int, int]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.items)

    def __contains__(self, key: object) -> bool:
        """Whether there is a region of a label, or this very region."""
        return key in self.labels if isinstance(key, str) else key in self.items

    @overload
    def __getitem__(self, key: int) -> Instance: ...
    @overload
    def __getitem__(
        self, key: str | slice | Sequence[object] | NDArray[np.generic]
    ) -> Instances: ...
    def __getitem__(
        self, key: int | str | slice | Sequence[object] | NDArray[np.generic]
    ) -> Instance | Instances:
        if isinstance(key, str):
            return self._with(item for item in self.items if item.label == key)
        if isinstance(key, slice):
            return self._with(self.items[key])
        if isinstance(key, SupportsIndex) and not _is_many(key):
            return self.items[key]
        return self._with(self.items[position] for position in self._positions(np.asarray(key)))

    def _positions(self, index: NDArray[np.generic]) -> list[int]:
        """Which regions an array means: a truth value for each, positions, or labels.

        Raises:
            UsageError: it means nothing of the kind.
            IndexError: there is no region of a position.
        """
        if index.size == 0 and index.ndim == 1 and index.dtype != bool:
            return []
        if index.dtype.kind == "U" and index.ndim == 1:
            wanted = set(index.tolist())
            return [place for place, label in enumerate(self.labels) if label in wanted]
        if index.dtype.kind in "iu" and index.ndim == 1:
            return [int(position) for position in index]
        if index.dtype == bool and index.shape == (len(self),):
            return [int(position) for position in np.flatnonzero(index)]
        raise UsageError(
            f"Regions were indexed with an array of shape {index.shape} and type {index.dtype}; "
            f"expected {len(self)} truth values, or a list of positions or of labels."
        )

    def _with(self, items: Iterable[Instance]) -> Instances:
        return replace(self, items=tuple(items))

    @property
    def labels(self) -> tuple[str, ...]:
        """Label of every region."""
        return tuple(item.label for item in self.items)

    @property
    def scores(self) -> NDArray[np.float32]:
        """(N,) float32 in [0, 1]."""
        return np.array([item.score for item in self.items], dtype=np.float32)

    @property
    def areas(self) -> NDArray[np.int64]:
        """(N,) pixels."""
        return np.array([item.mask.area for item in self.items], dtype=np.int64)

    @property
    def boxes_xyxy(self) -> NDArray[np.float32]:
        """(N, 4) float32 corners in pixels, right and bottom exclusive."""
        boxes = [item.mask.bbox for item in self.items]
        corners = [(x, y, x + width, y + height) for x, y, width, height in boxes]
        return np.array(corners, dtype=np.float32).reshape(-1, 4)

    def dense_masks(self) -> NDArray[np.bool_]:
        """(N, H, W) bool; large, so iterate over the items where that will do."""
        if not self.items:
            return np.zeros((0, *self.size_hw), dtype=bool)
        return np.stack([item.mask.to_array() for item in self.items])

    def filter(
        self,
        *,
        min_score: float = 0.0,
        min_area: int = 0,
        labels: str | Iterable[str] | None = None,
    ) -> Instances:
        """Regions that pass every bound.

        Args:
            min_score: least score, 0..1.
            min_area: least area in pixels.
            labels: names to keep, or a single one; None for all.
        """
        kept = None if labels is None else {labels} if isinstance(labels, str) else set(labels)
        return self._with(
            item
            for item in self.items
            if item.score >= min_score
            and item.mask.area >= min_area
            and (kept is None or item.label in kept)
        )

    def sorted_by_score(self) -> Instances:
        """Most confident first."""
        return self._with(sorted(self.items, key=lambda item: -item.score))

    def __add__(self, other: Instances) -> Instances:
        if other.size_hw != self.size_hw:
            raise UsageError(
                f"Instances of images of size {self.size_hw} and {other.size_hw} cannot be merged."
            )
        return self._with(self.items + other.items)


def _is_many(key: SupportsIndex) -> bool:
    """Arrays of one entry can be read as an index; they still stand for a list of one."""
    return isinstance(key, np.ndarray) and key.ndim > 0


def _number(value: float) -> float:
    """A whole number as it is, any other with six decimals."""
    return value if isinstance(value, int) else round(float(value), 6)
