"""A painted world that a method of two lines can read: class k has the color (10 k, 0, 0)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import ClassList, SemanticSample
from lexiseg.errors import ImageError
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Task,
    Verb,
    Vocabulary,
)

NAMES = ("dog", "cat", "tree")


def paint(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels * 10, labels * 0, labels * 0], axis=-1).astype(np.uint8)


@dataclass
class ColorMethod:
    """Names every color it is asked for; `blind` names are never seen, `broken` images fail."""

    blind: tuple[str, ...] = ()
    broken: tuple[int, ...] = ()
    asked: list[tuple[str, ...]] = field(default_factory=list)
    stuff: tuple[str, ...] = ()
    name: str = "color"
    task: Task = "semantic"
    verbs: tuple[Verb, ...] = ("segment", "refer")
    takes_stuff: bool = True

    def configured(self, **options: Any) -> ColorMethod:
        return ColorMethod(self.blind, self.broken, self.asked, **options)

    def encode(self, image: np.ndarray) -> np.ndarray:
        if image[0, 0, 1] in self.broken:
            raise ImageError("this picture is broken")
        return image[..., 0].astype(int) // 10

    def segment(self, scene: np.ndarray, names: Any) -> Result:
        vocabulary = Vocabulary.parse(names)
        self.asked.append(vocabulary.names)
        seen = {
            name: scene == NAMES.index(name) + 1
            for name in vocabulary.names
            if name in NAMES and name not in self.blind
        }
        return self._result(scene, vocabulary.names, seen)

    def refer(self, scene: np.ndarray, sentences: Any, protocol: str = "per-sentence") -> Result:
        names = (sentences,) if isinstance(sentences, str) else tuple(sentences)
        seen = {text: scene == NAMES.index(text.split()[-1]) + 1 for text in names}
        if protocol == "ensemble":
            seen = {names[0]: np.any(list(seen.values()), axis=0)}
        return self._result(scene, names, seen)

    def recipe(self) -> Recipe:
        settings = {"blind": list(self.blind), "stuff": list(self.stuff)}
        return Recipe("color", "test", settings, {"eye": "sha256:0"})

    def _result(self, scene: np.ndarray, names: Sequence[str], seen: dict[str, Any]) -> Result:
        found = {name: mask for name, mask in seen.items() if mask.any()}
        items = tuple(Instance(name, 0.9, Mask.from_array(mask)) for name, mask in found.items())
        verdicts = [Presence(name, 0.9, name in found, "") for name in names]
        size = (scene.shape[0], scene.shape[1])
        presence = PresenceTrace(verdicts)
        return Result(size, tuple(names), Instances(items, size), presence, self.recipe())


@dataclass(frozen=True)
class PaintedSet(Sequence[SemanticSample]):
    """Random label maps and their paintings; `mark` is written into the green of one pixel."""

    count: int = 6
    counts_background: bool = True
    stuff: frozenset[str] = frozenset()
    name: str = "painted"
    split: str = "val"
    task: str = "semantic"
    asks_per_image: bool = False
    has_void: bool = True

    @property
    def classes(self) -> ClassList:
        return ClassList("painted-3", NAMES, NAMES, self.stuff)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"image-{k}" for k in range(self.count))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> SemanticSample:
        truth = np.random.default_rng(index).integers(0, 3, size=(5, 8)).astype(np.uint16)
        image = paint(truth)
        image[0, 0, 1] = index
        return SemanticSample(self.ids[index], image, truth)


@pytest.fixture
def color_method() -> type[ColorMethod]:
    return ColorMethod


@pytest.fixture
def painted() -> type[PaintedSet]:
    return PaintedSet
