"""The names that decoders were trained on, in every wording."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from lexiseg.models.bundled import bundled_names

Training = Literal["coco-panoptic", "miniworld"]


@dataclass(frozen=True)
class TrainedNames:
    """Wordings of a training's classes; whether a name is one of them is a matter of spelling.

    Attributes:
        things: of countable things.
        stuff: of amorphous regions.
    """

    things: tuple[str, ...]
    stuff: tuple[str, ...]

    @property
    def wordings(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.things, *self.stuff))


def _coco_panoptic() -> TrainedNames:
    text = (files(__package__) / "data" / "coco-panoptic.json").read_text("utf-8")
    entries = json.loads(text)
    things, stuff = (
        tuple(wording for wordings in entries[kind] for wording in wordings)
        for kind in ("things", "stuff")
    )
    return TrainedNames(things, stuff)


def _miniworld() -> TrainedNames:
    names = bundled_names()
    return TrainedNames(names.things, names.stuff)


_READERS: Mapping[Training, Callable[[], TrainedNames]] = {
    "coco-panoptic": _coco_panoptic,
    "miniworld": _miniworld,
}


@cache
def trained_names(training: Training) -> TrainedNames:
    """The names of a training.

    Args:
        training: whose decoder.

    Example:
        >>> "bike" in trained_names("coco-panoptic").wordings
        True
    """
    return _READERS[training]()
