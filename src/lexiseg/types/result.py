"""One answer with three views: instances, semantic map, panoptic map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.registry import CONVERTERS, WRITERS
from lexiseg.types.recipe import Recipe
from lexiseg.types.rle import Mask

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Presence:
    """Whether one asked name is in the image, and why.

    Args:
        name: the label as asked.
        score: confidence in [0, 1] when the decision fell.
        kept: True if the name is in the answer.
        reason: one clause for people, e.g. ``"removed in step 1"``.
        step: recurrence step of the decision, counted from 1; None if the method has no steps.
    """

    name: str
    score: float
    kept: bool
    reason: str
    step: int | None = None


class PresenceTrace(Mapping[str, Presence]):
    """`Presence` by name, in the order asked."""

    def __init__(self, entries: Sequence[Presence]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> Presence:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"PresenceTrace({list(self._entries.values())!r})"

    @property
    def kept(self) -> tuple[str, ...]:
        """Names in the answer."""
        return tuple(name for name, entry in self._entries.items() if entry.kept)


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


@dataclass(frozen=True)
class Instances:
    """Regions that may overlap; indexable by position, slice, label or boolean array.

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

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._with(item for item in self.items if item.label == key)
        if isinstance(key, slice):
            return self._with(self.items[key])
        if isinstance(key, int | np.integer):
            return self.items[key]
        index = np.asarray(key)
        chosen = np.flatnonzero(index) if index.dtype == bool else index
        return self._with(self.items[int(position)] for position in chosen)

    def _with(self, items: Any) -> Instances:
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
        self, *, min_score: float = 0.0, min_area: int = 0, labels: Sequence[str] | None = None
    ) -> Instances:
        """Regions that pass every bound.

        Args:
            min_score: least score, 0..1.
            min_area: least area in pixels.
            labels: names to keep; None for all.
        """
        return self._with(
            item
            for item in self.items
            if item.score >= min_score
            and item.mask.area >= min_area
            and (labels is None or item.label in labels)
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


@dataclass(frozen=True)
class SemanticMap:
    """One name per pixel: `ids` (H, W) uint16, 0 = background, k = ``names[k - 1]``."""

    ids: NDArray[np.uint16]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """One entry of a panoptic map."""

    id: int
    label: str
    score: float
    is_thing: bool
    area: int


@dataclass(frozen=True)
class Panoptic:
    """One segment per pixel: `ids` (H, W) uint16, 0 = background, and the table of segments."""

    ids: NDArray[np.uint16]
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Result:
    """The answer for one image.

    Args:
        size_hw: (height, width) of the image in pixels; every mask has this size.
        names: what was asked, in order; without a question, the labels found.
        instances: regions found; a semantic method gives one per kept name.
        presence: verdict for every asked name.
        recipe: method, weights, settings, versions, timing.
        path: where the image came from, if it was a file.
        image: (H, W, 3) uint8 RGB, kept for pictures; None once read back from a file.

    Example:
        >>> import numpy as np
        >>> dog = Instance("dog", 0.9, Mask.from_array(np.eye(4, dtype=bool)))
        >>> verdicts = [Presence("dog", 0.9, True, "kept"), Presence("cat", 0.1, False, "absent")]
        >>> answer = Result(
        ...     (4, 4),
        ...     ("dog", "cat"),
        ...     Instances((dog,), (4, 4)),
        ...     PresenceTrace(verdicts),
        ...     Recipe("car", "mini"),
        ... )
        >>> answer.presence.kept, answer.semantic.ids.max().item()
        (('dog',), 1)
        >>> answer.save("out", formats=["png", "coco"])      # doctest: +SKIP
    """

    size_hw: tuple[int, int]
    names: tuple[str, ...]
    instances: Instances
    presence: PresenceTrace
    recipe: Recipe
    path: Path | None = None
    image: ImageArray | None = field(default=None, repr=False, compare=False)

    @cached_property
    def semantic(self) -> SemanticMap:
        """Stuff painted first, then things, each in ascending score.

        Raises:
            UsageError: more names were asked than 16 bits can number.
        """
        if len(self.names) >= 2**16:
            raise UsageError(f"A label map holds 65535 names; {len(self.names)} were asked.")
        ids = np.zeros(self.size_hw, dtype=np.uint16)
        number = {name: index + 1 for index, name in enumerate(self.names)}
        for item in self._painting_order():
            ids[item.mask.to_array()] = number[item.label]
        return SemanticMap(ids, self.names)

    @cached_property
    def panoptic(self) -> Panoptic:
        """The same painting with one id per region; regions fully covered are dropped."""
        ids = np.zeros(self.size_hw, dtype=np.uint16)
        order = self._painting_order()
        for number, item in enumerate(order, start=1):
            ids[item.mask.to_array()] = number
        areas = np.bincount(ids.ravel(), minlength=len(order) + 1)
        segments = tuple(
            Segment(number, item.label, item.score, item.is_thing, int(areas[number]))
            for number, item in enumerate(order, start=1)
            if areas[number]
        )
        return Panoptic(ids, segments)

    def _painting_order(self) -> list[Instance]:
        return sorted(self.instances, key=lambda item: (item.is_thing, item.score))

    def to_json(self) -> dict[str, Any]:
        """The record that ``--json`` prints."""
        return {
            "image": str(self.path) if self.path else None,
            "size": list(self.size_hw),
            "method": self.recipe.method,
            "preset": self.recipe.preset,
            "presence": [_presence_json(entry) for entry in self.presence.values()],
            "instances": [_instance_json(item) for item in self.instances],
            "timing_ms": {key: round(value, 3) for key, value in self.recipe.timing_ms.items()},
        }

    def save(
        self,
        folder: str | Path,
        formats: Sequence[str] = ("overlay", "png", "coco"),
        *,
        name: str | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write files named after the image into a folder.

        Args:
            folder: made if absent.
            formats: names of `lexiseg.registry.WRITERS`.
            name: file stem; by default the image's.
            overwrite: replace files that are already there.

        Returns:
            The paths written.

        Raises:
            UnknownNameError: an unknown format.
            OutputError: the folder cannot be written, or a file is there already.
        """
        stem = name or (self.path.stem if self.path else "image")
        writers = [WRITERS[choice] for choice in formats]
        return [
            path
            for write in writers
            for path in write([self], Path(folder), name=stem, overwrite=overwrite)
        ]

    def convert(self, target: str) -> Any:
        """The same answer in another library's type.

        Args:
            target: a name of `lexiseg.registry.CONVERTERS`: "supervision" (Detections), "pandas"
                (DataFrame), "huggingface" (list of label, score, mask) or "picture" (overlay).

        Raises:
            UnknownNameError: an unknown target.
            MissingExtraError: the other library is not installed.
        """
        return CONVERTERS[target](self)

    def show(self) -> Any:
        """The overlay picture as a Pillow image (notebooks display it)."""
        return self.convert("picture")

    def _repr_png_(self) -> bytes | None:
        return self.show()._repr_png_() if self.image is not None else None


def _presence_json(entry: Presence) -> dict[str, Any]:
    return {
        "name": entry.name,
        "score": round(float(entry.score), 6),
        "kept": entry.kept,
        "reason": entry.reason,
    }


def _instance_json(item: Instance) -> dict[str, Any]:
    record = {
        "label": item.label,
        "score": round(float(item.score), 6),
        "bbox": list(item.mask.bbox),
        "area": item.mask.area,
        "segmentation": item.mask.to_coco(),
    }
    if item.alternatives:
        record["alternatives"] = [
            {"label": label, "score": round(float(score), 6)} for label, score in item.alternatives
        ]
    if item.details:
        record["details"] = {name: _number(value) for name, value in item.details.items()}
    return record


def _number(value: float) -> float:
    """A whole number as it is, any other with six decimals."""
    return value if isinstance(value, int) else round(float(value), 6)
