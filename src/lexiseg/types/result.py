"""One answer with three views: instances, semantic map, panoptic map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.registry import CONVERTERS, WRITERS
from lexiseg.types.instances import Instance, Instances
from lexiseg.types.origin import Origin
from lexiseg.types.presence import PresenceTrace
from lexiseg.types.recipe import Recipe
from lexiseg.types.vocabulary import split_comma_list

if TYPE_CHECKING:
    from PIL.Image import Image

ImageArray = NDArray[np.uint8]


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
        semantic_regions: of a method with a rule of its own for the class of every pixel; None
            paints `instances`.
        panoptic_regions: the same for the division into segments.
        origin: numbers and names of the file it was read from; None for an answer of a method.

    Example:
        >>> import numpy as np
        >>> from lexiseg.types import Mask, Presence
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
    origin: Origin | None = field(default=None, repr=False, compare=False)
    semantic_regions: Instances | None = field(default=None, repr=False, kw_only=True)
    panoptic_regions: Instances | None = field(default=None, repr=False, kw_only=True)

    @cached_property
    def semantic(self) -> SemanticMap:
        """The method's own division where it has one; else stuff painted first, then things.

        Either kind is painted in ascending score.

        Raises:
            UsageError: more names were asked than 16 bits can number.
        """
        if len(self.names) >= 2**16:
            raise UsageError(f"A label map holds 65535 names; {len(self.names)} were asked.")
        ids = np.zeros(self.size_hw, dtype=np.uint16)
        number = {name: index + 1 for index, name in enumerate(self.names)}
        for item in painting_order(self._or_instances(self.semantic_regions)):
            ids[item.mask.to_array()] = number[item.label]
        return SemanticMap(ids, self.names)

    @cached_property
    def panoptic(self) -> Panoptic:
        """As `semantic`, with one id per region; regions fully covered are dropped."""
        ids = np.zeros(self.size_hw, dtype=np.uint16)
        order = painting_order(self._or_instances(self.panoptic_regions))
        for number, item in enumerate(order, start=1):
            ids[item.mask.to_array()] = number
        areas = np.bincount(ids.ravel(), minlength=len(order) + 1)
        segments = tuple(
            Segment(number, item.label, item.score, item.is_thing, int(areas[number]))
            for number, item in enumerate(order, start=1)
            if areas[number]
        )
        return Panoptic(ids, segments)

    def _or_instances(self, own: Instances | None) -> Instances:
        return self.instances if own is None else own

    def __len__(self) -> int:
        """How many regions were found."""
        return len(self.instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.instances)

    def __contains__(self, key: object) -> bool:
        """Whether a name was found, or this very region."""
        return key in self.instances

    @overload
    def __getitem__(self, key: int) -> Instance: ...
    @overload
    def __getitem__(
        self, key: str | slice | Sequence[object] | NDArray[np.generic]
    ) -> Instances: ...
    def __getitem__(
        self, key: int | str | slice | Sequence[object] | NDArray[np.generic]
    ) -> Instance | Instances:
        """What `instances` gives for the same key: a region, or those of a name."""
        return self.instances[key]

    def to_json(self) -> dict[str, object]:
        """The record that ``--json`` prints."""
        return {
            "image": str(self.path) if self.path else None,
            "size": list(self.size_hw),
            "method": self.recipe.method,
            "preset": self.recipe.preset,
            "presence": [entry.to_json() for entry in self.presence.values()],
            "instances": [item.to_json() for item in self.instances],
            "timing_ms": {key: round(value, 3) for key, value in self.recipe.timing_ms.items()},
        }

    def save(
        self,
        folder: str | Path,
        formats: str | Iterable[str] = ("overlay", "png", "coco"),
        *,
        name: str | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write files named after the image into a folder.

        Args:
            folder: made if absent.
            formats: names of `lexiseg.registry.WRITERS`: a list, or text with commas.
            name: file stem; by default the image's.
            overwrite: replace files that are already there.

        Returns:
            The paths written.

        Raises:
            UnknownNameError: an unknown format.
            OutputError: the folder cannot be written, or a file is there already.
        """
        stem = name or (self.path.stem if self.path else "image")
        chosen = split_comma_list(formats) if isinstance(formats, str) else formats
        writers = [WRITERS[choice] for choice in chosen]
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

    def show(self) -> Image:
        """The overlay picture as a Pillow image (notebooks display it)."""
        picture: Image = self.convert("picture")
        return picture

    def _repr_png_(self) -> bytes | None:
        return self.show()._repr_png_() if self.image is not None else None


def painting_order(regions: Iterable[Instance]) -> list[Instance]:
    """Stuff first, then things, each in ascending score, so that the surest is seen."""
    return sorted(regions, key=lambda item: (item.is_thing, item.score))
