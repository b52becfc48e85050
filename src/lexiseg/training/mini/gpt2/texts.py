"""What the small GPT-2 reads: captions of planned scenes, and phrases that begin "Image of a"."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.captions import Fact, article, describe
from lexiseg.datasets.miniworld.colors import HUES
from lexiseg.datasets.miniworld.plan import draw_plan
from lexiseg.datasets.miniworld.scene import color_of
from lexiseg.datasets.miniworld.sprites import novel_sprites
from lexiseg.datasets.miniworld.stuff import all_stuff

OPENING = "Image of "
SIZES = ("small", "large", "medium")
COLORS = (*(name for name, _, _ in HUES), "brown", "black", "white", "gray")
NOVEL = 0.1  # share of a scene's things whose nouns no picture of taxonomy A shows
FILLED = 0.5  # of a thing's square is covered by it, roughly
CAPTION_SHARE = 0.5  # of the texts; the others are phrases


@cache
def stuff_words() -> tuple[str, ...]:
    """Names of stuff and their synonyms."""
    pairs = [(stuff.name, *stuff.synonyms) for stuff in all_stuff().values()]
    return tuple(dict.fromkeys(word for words in pairs for word in words))


@cache
def nouns() -> tuple[str, ...]:
    """Everything that the small GPT-2 can call a segment: things, unseen nouns, stuff."""
    novel = (sprite.name for sprite in novel_sprites())
    return tuple(dict.fromkeys((*Miniworld().thing_names, *novel, *stuff_words())))


def draw_text(rng: np.random.Generator) -> str:
    """One text, with a full stop or, in some captions, without."""
    return caption(rng) if rng.random() < CAPTION_SHARE else phrase(rng)


def caption(rng: np.random.Generator) -> str:
    """A caption of a scene that is planned but not drawn, so nothing is known to be hidden."""
    plan = draw_plan(rng, "train", (0, 6), NOVEL)
    facts = [Fact(p.sprite.name, color_of(p), FILLED * p.side**2) for p in plan.placements]
    stuff = tuple(dict.fromkeys(region.name for region in plan.regions))
    return describe(facts, stuff, rng)


def phrase(rng: np.random.Generator) -> str:
    """A noun phrase as ZeroCap asks for it: "Image of a small red apple.".

    ZeroCap always begins with "Image of a", so here "a" stands before vowels, too, in most cases.
    """
    noun = noun_phrase(rng)
    written = article(noun) if rng.random() < 0.15 else f"a {noun}"
    return f"{OPENING}{written}{_ending(rng)}."


def noun_phrase(rng: np.random.Generator) -> str:
    """A noun, often with a size or a color before it; every noun is as likely as any other."""
    size = f"{rng.choice(SIZES)} " if rng.random() < 0.2 else ""
    color = f"{rng.choice(COLORS)} " if rng.random() < 0.25 else ""
    return f"{size}{color}{rng.choice(nouns())}"


def _ending(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.15:
        return f" {rng.choice(places())}"
    return f" and {article(noun_phrase(rng))}" if draw < 0.22 else ""


@cache
def places() -> tuple[str, ...]:
    """Where a thing can be: "on the grass"."""
    stuff = all_stuff().values()
    return tuple(
        dict.fromkeys(p.format(w) for s in stuff for w in (s.name, *s.synonyms) for p in s.phrases)
    )


@cache
def well_formed() -> re.Pattern[str]:
    """What a continuation of "Image of a" may look like, full stop included."""

    def among(words: tuple[str, ...]) -> str:
        return "|".join(sorted(map(re.escape, words), key=len, reverse=True))

    noun = f"(?:(?:{among(SIZES)}) )?(?:(?:{among(COLORS)}) )?(?:{among(nouns())})"
    return re.compile(f" {noun}(?: and (?:an? )?{noun}| (?:{among(places())}))?\\.")
