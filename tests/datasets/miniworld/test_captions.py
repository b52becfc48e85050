from __future__ import annotations

import re

import numpy as np
import pytest

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.captions import NUMBERS, Fact, article, describe, plural
from lexiseg.datasets.miniworld.stuff import all_stuff

WORLD = Miniworld("train", size=64)


@pytest.mark.parametrize(
    ("noun", "with_article", "several"),
    [
        ("dog", "a dog", "dogs"),
        ("apple", "an apple", "apples"),
        ("unicorn", "a unicorn", "unicorns"),
        ("hourglass", "an hourglass", "hourglasses"),
        ("umbrella", "an umbrella", "umbrellas"),
        ("cherry", "a cherry", "cherries"),
        ("key", "a key", "keys"),
        ("tomato", "a tomato", "tomatoes"),
        ("bread", "bread", "bread"),
        ("couch", "a couch", "couches"),
        ("woman", "a woman", "women"),
    ],
)
def test_grammar(noun: str, with_article: str, several: str) -> None:
    assert (article(noun), plural(noun)) == (with_article, several)


def _mentioned(caption: str) -> set[str]:
    """Names of things in a caption, the longest first so that "hot dog" is no dog."""
    found = set()
    for name in sorted(WORLD.thing_names, key=len, reverse=True):
        pattern = rf"\b({re.escape(name)}|{re.escape(plural(name))})\b"
        if re.search(pattern, caption):
            found.add(name)
            caption = re.sub(pattern, "#", caption)
    return found


def test_captions_mention_only_what_is_seen_and_count_right() -> None:
    for i in range(25):
        scene = WORLD[i]
        for k in range(6):
            caption = scene.describe(k)
            plain = caption
            for stuff in all_stuff().values():  # "brick wall", "train track"
                for word in sorted(stuff.synonyms, key=len, reverse=True):
                    if word in plain:
                        assert stuff.name in scene.stuff, caption
                        plain = plain.replace(word, "#")
            # A color may be spelled like a fruit.
            assert _mentioned(plain) - {"orange"} <= set(scene.names), (caption, scene.names)
            for name in scene.names:
                seen = [o for o in scene.objects if o.visible and o.name == name]
                counts = rf"\b({'|'.join(NUMBERS[2:])}) (?:\w+ )?{plural(name)}\b"
                for count in re.findall(counts, plain):
                    assert len(seen) == NUMBERS.index(count), caption


def test_captions_vary_and_repeat_exactly() -> None:
    scene = WORLD[3]
    texts = [scene.describe(k) for k in range(20)]
    assert len(set(texts)) > 8
    assert texts == [WORLD.caption(3, k) for k in range(20)]
    assert scene.caption == texts[0]


def test_scene_without_anything_nameable_still_has_a_caption() -> None:
    assert describe([], (), np.random.default_rng(0)) == "a picture"


def test_size_words_follow_the_area() -> None:
    facts = [Fact("dog", "", 0.01)]
    texts = {describe(facts, (), np.random.default_rng(k)) for k in range(200)}
    assert any("small dog" in text for text in texts)
    assert not any("large dog" in text or "medium dog" in text for text in texts)
