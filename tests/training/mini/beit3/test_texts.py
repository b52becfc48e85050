import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.training.mini.beit3.pool import Beit3PoolConfig, read_scene
from lexiseg.training.mini.beit3.texts import ask_captions, ask_regions, draw_meaning, mirrored

CONFIG = Beit3PoolConfig(size=64, seed=5)
FACTS = [read_scene(CONFIG.world(number)[number]) for number in range(8)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 7), st.integers(0, 10_000))
def test_the_one_text_is_true_and_the_other_is_not(row: int, seed: int) -> None:
    true, false = ask_regions(FACTS[row], FACTS, np.random.default_rng(seed))
    assert true.is_true and true.values
    values = {v for own in FACTS[row].names.values() for v in own}
    assert set(true.values) <= values
    assert not false.values
    if not false.is_true and not false.text.startswith("the "):
        assert false.text not in FACTS[row].names


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 7), st.integers(0, 10_000))
def test_a_sentence_means_one_object_of_its_noun(row: int, seed: int) -> None:
    meant = draw_meaning(FACTS[row], np.random.default_rng(seed))
    assert meant.noun in meant.text
    if meant.text.startswith("the "):
        assert len(meant.values) == 1 and FACTS[row].nouns[meant.values[0]] == meant.noun
    else:
        assert list(FACTS[row].names[meant.noun]) == list(meant.values)


def test_a_false_caption_is_of_a_scene_with_other_names() -> None:
    chance = np.random.default_rng(0)
    for facts in FACTS:
        true, false = ask_captions(facts, FACTS, chance)
        assert true.text in facts.captions and true.is_true
        source = next(f for f in FACTS if false.text in f.captions)
        if not false.is_true:
            assert not false.values and source is not facts


@given(st.text("leftrigh ", max_size=40))
def test_mirroring_twice_changes_nothing(text: str) -> None:
    assert mirrored(mirrored(text)) == text


def test_only_whole_words_are_mirrored() -> None:
    assert mirrored("the bright leftover left of it") == "the bright leftover right of it"
