"""What is asked in which step follows from the seed alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from lexiseg.errors import DatasetError
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.openworldsam.batches import Batches, draw_texts
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.examples import Example, Wanted
from lexiseg.types import Mask

MASK = Mask.from_array(np.ones((4, 4), bool))
NAMES = tuple("abcdefghij")
PLAIN = AdapterTraining(batch=2)
REFUSING = replace(PLAIN, negatives=1.0, presence_weight=1.0)


def example(number: int = 0, present: int = 8) -> Example:
    wanted = tuple(Wanted((name,), (MASK,)) for name in NAMES[:present])
    return Example(str(number), np.zeros((4, 4, 3), np.uint8), (4, 4), wanted, NAMES[present:])


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_of_too_many_names_a_random_choice_stays_in_order() -> None:
    drawn = [draw_texts(example(), PLAIN, chance(seed)).texts for seed in range(200)]
    assert all(len(texts) == 6 and list(texts) == sorted(texts) for texts in drawn)
    counts = Counter(name for texts in drawn for name in texts)
    assert all(100 < counts[name] < 200 for name in NAMES[:8])  # 150 on average
    everything = draw_texts(example(), replace(PLAIN, prompts=None), chance())
    assert everything.texts == NAMES[:8] and everything.meaning == 8


def test_as_published_no_absent_name_is_asked() -> None:
    assert set(draw_texts(example(present=5), PLAIN, chance()).texts) <= set(NAMES[:5])


def test_absent_names_come_last_and_mean_nothing() -> None:
    asked = draw_texts(example(present=3), REFUSING, chance())
    assert asked.texts[:3] == NAMES[:3] and len(set(asked.texts[3:])) == 3
    assert set(asked.texts[3:]) <= set(NAMES[3:]) and asked.masks[3:] == ((), (), ())
    assert asked.meaning == 3
    few = draw_texts(example(present=9), REFUSING, chance())
    assert few.texts[6:] == ("j",)  # there is only one


def test_a_share_of_absent_names_is_met_on_average() -> None:
    config = replace(REFUSING, negatives=0.5)
    counts = [len(draw_texts(example(present=3), config, chance(n)).texts) - 3 for n in range(400)]
    assert set(counts) == {1, 2} and 1.4 < np.mean(counts) < 1.6


def test_sentences_that_mean_nothing_need_something_to_learn() -> None:
    wanted = (Wanted(("one",), (MASK,)), Wanted(("none",), ()))
    picture = replace(example(), wanted=wanted, absent=())
    assert draw_texts(picture, PLAIN, chance()).texts == ("one",)
    assert draw_texts(picture, REFUSING, chance()).texts == ("one", "none")


def test_one_wording_is_drawn_at_a_time() -> None:
    picture = replace(example(), wanted=(Wanted(("p", "q", "r"), (MASK,)),))
    drawn = {draw_texts(picture, PLAIN, chance(seed)).texts for seed in range(40)}
    assert drawn == {("p",), ("q",), ("r",)}


def ids(batches: Batches, steps: range) -> list[list[str]]:
    return [[asked.example.id for asked in batches.of_step(step)] for step in steps]


def test_every_example_once_an_epoch_whoever_asks_when() -> None:
    examples = [example(number) for number in range(10)]
    seen = ids(Batches(examples, PLAIN), range(10))
    flat = [name for step in seen for name in step]
    assert sorted(flat[:10]) == sorted(flat[10:]) == [str(n) for n in range(10)]
    assert flat[:10] != flat[10:]
    assert ids(Batches(examples, PLAIN), range(7, 10)) == seen[7:]
    other = ids(Batches(examples, replace(PLAIN, seed=1)), range(5))
    assert other != seen[:5]


def test_two_processes_share_the_steps_of_one_that_is_twice_as_large() -> None:
    examples = [example(number) for number in range(10)]
    whole = ids(Batches(examples, replace(PLAIN, batch=4)), range(5))
    parts = [ids(Batches(examples, PLAIN, ProcessGroup(rank, 2)), range(5)) for rank in (0, 1)]
    assert [one + two for one, two in zip(*parts, strict=True)] == whole


def test_an_example_that_cannot_be_read_costs_itself() -> None:
    class Odd(list[Example]):
        def __getitem__(self, index: int) -> Example:  # type: ignore[override]
            if index == 1:
                raise DatasetError("annotation 7 is damaged.")
            return super().__getitem__(index)

    batches = Batches(Odd([example(number) for number in range(4)]), PLAIN)
    seen = [name for step in ids(batches, range(2)) for name in step]
    assert sorted(seen) == ["0", "2", "3"]
    assert list(batches.left_out.values()) == ["annotation 7 is damaged."]


def test_negatives_that_teach_nothing_are_refused() -> None:
    from lexiseg.errors import UsageError

    with pytest.raises(UsageError, match="presence_weight"):
        AdapterTraining(negatives=1.0)
