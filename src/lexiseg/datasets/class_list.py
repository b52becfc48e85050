"""Class lists: names in index order, how they are worded as prompts, and which are stuff."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Literal, get_args

from lexiseg.errors import UnknownNameError
from lexiseg.types import Vocabulary

Wording = Literal["released", "plain", "verbatim", "fc-clip"]


@dataclass(frozen=True)
class ClassList:
    """The classes of a data set.

    Args:
        name: of the list, e.g. ``"voc-20"``.
        names: labels in index order, all different.
        prompts: the text shown to the model for each name.
        stuff: names without countable instances; empty where the data set has no such split.
        wording: where `prompts` come from.
        seen: names that a training on COCO's panoptic categories knows; empty where nobody says.
    """

    name: str
    names: tuple[str, ...]
    prompts: tuple[str, ...]
    stuff: frozenset[str] = frozenset()
    wording: str = "plain"
    seen: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.names)

    def vocabulary(self, indices: tuple[int, ...] | None = None) -> Vocabulary:
        """What to hand to a method: all classes, or those at `indices`, each with one prompt."""
        chosen = range(len(self)) if indices is None else indices
        return Vocabulary(
            tuple(self.names[index] for index in chosen),
            tuple((self.prompts[index],) for index in chosen),
        )

    @cached_property
    def number(self) -> dict[str, int]:
        """Name -> value in a label map (index + 1)."""
        return {name: index + 1 for index, name in enumerate(self.names)}


def load_class_list(name: str, wording: str = "released") -> ClassList:
    """Read one of the bundled lists.

    Args:
        name: one of `class_list_names`, e.g. ``voc-20``.
        wording: "released" for the prompts published with a method, "plain" for the names
            themselves, "verbatim" for the names as the data set's own files spell them,
            "fc-clip" for FC-CLIP's lists of synonyms, separated by commas.

    Raises:
        UnknownNameError: no such list or wording.

    Example:
        >>> load_class_list("voc-20").prompts[2], load_class_list("voc-20", "plain").prompts[2]
        ('bird avian', 'bird')
    """
    if name not in class_list_names():
        raise UnknownNameError("class list", name, class_list_names())
    if wording not in get_args(Wording):
        raise UnknownNameError("wording", wording, get_args(Wording))
    text = (files("lexiseg.datasets") / "vocabularies" / f"{name}.json").read_text("utf-8")
    entries = json.loads(text)["classes"]
    names = tuple(entry["name"] for entry in entries)
    prompts = tuple(entry.get(wording, entry["name"]) for entry in entries)
    stuff, seen = (
        frozenset(entry["name"] for entry in entries if entry.get(flag))
        for flag in ("stuff", "seen")
    )
    return ClassList(name, names, prompts, stuff, wording, seen)


def class_list_names() -> tuple[str, ...]:
    """Names of the bundled lists."""
    folder = files("lexiseg.datasets") / "vocabularies"
    found = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in found if name.endswith(".json")))
