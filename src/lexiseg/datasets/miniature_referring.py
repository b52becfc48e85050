"""Sentences about the objects of Miniworld scenes, as a referring data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lexiseg.datasets.miniature import scene_numbers
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.sample import ReferringSample, Target
from lexiseg.types import Mask

SENTENCES = 3  # per object, as in RefCOCO
_PLACE_WORDS = ("left", "right", "top", "bottom", "above", "below")


def has_place(sentence: str) -> bool:
    """Whether a word of place is needed to understand a sentence.

    Example:
        >>> has_place("the red car"), has_place("the car on the left")
        (False, True)
    """
    return any(word in sentence.split() for word in _PLACE_WORDS)


KINDS: dict[str, Callable[[str], bool]] = {
    "all": lambda sentence: True,
    "without place": lambda sentence: not has_place(sentence),
    "with place": has_place,
}


@dataclass(frozen=True)
class MiniworldSentences(Sequence[ReferringSample]):
    """Scenes drawn when indexed, with up to three sentences per object.

    Args:
        world: where the scenes come from.
        scenes: number of scenes.
        kind: of sentence, a key of `KINDS`.
    """

    world: Miniworld
    scenes: int
    kind: str = "all"
    name: str = "miniworld sentences"
    task: Literal["referring"] = "referring"

    @property
    def split(self) -> str:
        """Split, seed, picture size and kind of sentence."""
        world = self.world
        return f"{world.split} (seed {world.seed}, {world.size} px, sentences: {self.kind})"

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Scene numbers."""
        return scene_numbers(self.scenes)

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> ReferringSample:  # type: ignore[override]
        scene = self.world[index]
        sentences: dict[int, list[str]] = {}
        for expression in scene.expressions:
            if KINDS[self.kind](expression.sentence):
                sentences.setdefault(expression.object_id, []).append(expression.sentence)
        targets = tuple(
            Target(
                f"{index}-{number}",
                Mask.from_array(scene.instances == number),
                tuple(texts[:SENTENCES]),
            )
            for number, texts in sentences.items()
        )
        return ReferringSample(self.ids[index], scene.image, targets)
