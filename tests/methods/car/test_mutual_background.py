"""Thing and stuff runs and their background words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lexiseg.methods.car.background import BACKGROUND_LISTS, background_words
from lexiseg.methods.car.config import RELEASED, CarConfig
from lexiseg.methods.car.mutual_background import plan_passes
from lexiseg.types import Vocabulary

NAMES = ("dog", "Sky", "car", "grass")
ASKED = Vocabulary.parse(NAMES)
CONFIG = CarConfig(stuff=("sky", "grass"), background=("released",))


def test_things_and_stuff_are_each_others_background() -> None:
    things, stuff = plan_passes(ASKED, NAMES, range(4), CONFIG)
    assert (things.positions, things.is_thing) == ((0, 2), True)
    assert (stuff.positions, stuff.is_thing) == ((1, 3), False)
    assert things.question.background == ("Sky", "grass")
    assert stuff.question.background == ("dog", "car")
    assert stuff.question.prompts == CONFIG.stuff_prompts


def test_released_things_keep_the_general_words() -> None:
    things, stuff = plan_passes(ASKED, NAMES, range(4), replace(CONFIG, procedure=RELEASED))
    assert things.question.background == BACKGROUND_LISTS["released"]
    assert stuff.question.background == ("dog", "car")


def test_without_the_counterpart_the_general_words_compete_save_those_asked() -> None:
    (stuff,) = plan_passes(ASKED, NAMES, [1, 3], CONFIG)
    assert "sky" not in stuff.question.background and "road" in stuff.question.background
    (same,) = plan_passes(ASKED, NAMES, [1, 3], replace(CONFIG, procedure=RELEASED))
    assert "sky" in same.question.background


def test_queries_follow_their_names() -> None:
    wordings = ("puppy", "blue sky", "auto", "lawn")
    things, stuff = plan_passes(ASKED, wordings, range(4), CONFIG)
    assert things.question.queries == ("puppy", "auto")
    assert things.question.background == ("blue sky", "lawn")
    assert stuff.question.background == ("puppy", "auto")


@pytest.mark.parametrize(
    ("name", "count"),
    [("terrestrial", 32), ("aquatic-atmospheric", 44), ("man-made", 36), ("released", 23),
     ("clip-es-voc", 25)],
)  # fmt: skip
def test_lists_have_their_published_length(name: str, count: int) -> None:
    assert len(set(BACKGROUND_LISTS[name])) == count


def test_lists_and_words_mix_without_repetition() -> None:
    words = background_words(["released", "clip-es-voc", "couch"])
    assert len(words) == len(set(words)) == 25 + 1
    assert background_words([]) == ()


def test_no_wording_of_an_asked_name_competes_though_another_one_is_the_query() -> None:
    vocabulary = Vocabulary.parse({"heaven": "sky", "GRASS": "lawn", "dog": "dog"})
    (things,) = plan_passes(
        vocabulary, ("heaven", "GRASS", "dog"), range(3), replace(CONFIG, stuff=())
    )
    assert {"sky", "grass"}.isdisjoint(things.question.background)
    assert "road" in things.question.background
