"""Things and stuff in runs of their own, each with the other's names as background.

Sun et al. 2024, section 4.1 (Pascal Context, ADE20K).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lexiseg.methods.car.background import competing_words
from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.recurrence import Question
from lexiseg.types import Vocabulary


@dataclass(frozen=True)
class Pass:
    """One complete run: positions of its names in the vocabulary, and what it asks."""

    positions: tuple[int, ...]
    question: Question
    is_thing: bool


def plan_passes(
    vocabulary: Vocabulary, queries: Sequence[str], positions: Sequence[int], config: CarConfig
) -> list[Pass]:
    """Split the names that are asked about into a thing run and a stuff run.

    Args:
        vocabulary: all that is asked.
        queries: one wording for each name.
        positions: which of them to ask about.
        config: the stuff names, background and prompts.
    """
    names = vocabulary.names
    stuff_names = {name.casefold() for name in config.stuff}
    stuff = [p for p in positions if names[p].casefold() in stuff_names]
    things = [p for p in positions if names[p].casefold() not in stuff_names]
    thing_words, stuff_words = ([queries[p] for p in group] for group in (things, stuff))
    both = config.procedure.mutual_background == "both"
    general = competing_words(config, vocabulary.texts)
    thing_background = (tuple(stuff_words) if both else ()) or general
    stuff_background = tuple(thing_words) or general
    passes = [
        Pass(tuple(things), Question(tuple(thing_words), thing_background, config.prompts), True),
        Pass(
            tuple(stuff),
            Question(tuple(stuff_words), stuff_background, config.stuff_prompts),
            False,
        ),
    ]
    return [one for one in passes if one.positions]
