"""What is asked about a scene in training: a text that is true of it, and one that is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexiseg.training.mini.beit3.pool import Facts

NAMED = 0.55  # share of names among the texts that mean a region, the others are sentences
TRIES = 10
OTHER_SIDE = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Asked:
    """A text about a scene.

    Attributes:
        text: the text.
        values: what it means on the region map; empty for a caption and for what is not true.
        is_true: whether it is true of the scene.
    """

    text: str
    values: tuple[int, ...]
    is_true: bool


@dataclass(frozen=True)
class Meaning:
    """A text that means a region of some scene.

    Attributes:
        text: the text.
        noun: the name of what is meant.
        values: on the region map.
    """

    text: str
    noun: str
    values: tuple[int, ...]


def draw_meaning(facts: Facts, chance: np.random.Generator) -> Meaning:
    """A name or sentence that means something in a scene."""
    if facts.sentences and chance.random() > NAMED:
        text, value = facts.sentences[_place(facts.sentences, chance)]
        return Meaning(text, facts.nouns[value], (value,))
    names = list(facts.names)
    name = names[_place(names, chance)]
    return Meaning(name, name, tuple(facts.names[name]))


def ask_regions(
    facts: Facts, others: Sequence[Facts], chance: np.random.Generator
) -> tuple[Asked, Asked]:
    """One text that means a region of a scene, and one that means something only elsewhere.

    The second is true of another scene and speaks of something that this one has not, so that no
    text alone betrays whether it is true.

    Args:
        facts: of the scene.
        others: of all scenes.
        chance: decides.
    """
    meant = draw_meaning(facts, chance)
    present = set(facts.names)
    for _ in range(TRIES):
        elsewhere = draw_meaning(others[_place(others, chance)], chance)
        if elsewhere.noun not in present:
            break
    return Asked(meant.text, meant.values, True), Asked(
        elsewhere.text, (), elsewhere.noun in present
    )


def ask_captions(
    facts: Facts, others: Sequence[Facts], chance: np.random.Generator
) -> tuple[Asked, Asked]:
    """A caption of a scene, and one of another scene with other names."""
    own = facts.captions[_place(facts.captions, chance)]
    for _ in range(TRIES):
        other = others[_place(others, chance)]
        if not set(other.names) & set(facts.names):
            break
    caption = other.captions[_place(other.captions, chance)]
    return Asked(own, (), True), Asked(caption, (), other is facts)


def _place(several: Sequence[object], chance: np.random.Generator) -> int:
    return int(chance.integers(len(several)))


def mirrored(text: str) -> str:
    """What a sentence says about the mirrored picture.

    Example:
        >>> mirrored("the dog left of the cat on the right")
        'the dog right of the cat on the left'
    """
    return re.sub(r"\b(left|right)\b", lambda found: OTHER_SIDE[found[0]], text)
