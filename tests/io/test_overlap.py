"""Reading ahead and writing behind: what runs at the same time, and what an error stops."""

from __future__ import annotations

from threading import Event, current_thread, main_thread

import pytest

from lexiseg.io.overlap import ahead, behind

LONG = 30  # seconds after which a step that should have been overlapped gives up


def test_the_next_items_are_taken_while_one_is_in_use():
    begun = [Event() for _ in range(5)]

    def step(number):
        assert current_thread() is not main_thread()
        begun[number].set()
        return number

    for number in ahead(step, range(5), 2):
        assert all(event.wait(LONG) for event in begun[number : number + 3])
        assert not any(event.is_set() for event in begun[number + 4 :])


def test_a_step_works_on_one_item_while_the_next_is_computed():
    computed = [Event() for _ in range(4)]

    def items():
        for number in range(4):
            computed[number].set()
            yield number

    def step(number):
        return number == 3 or computed[number + 1].wait(LONG)

    assert list(behind(step, items())) == [True] * 4


def test_what_a_step_raises_comes_out_where_its_item_is_due():
    def step(number):
        return 1 // (number - 1)

    results = ahead(step, [0, 2, 1, 5], 2)
    assert [next(results), next(results)] == [-1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_step_follows_one_that_failed():
    seen = []

    def step(number):
        seen.append(number)
        return 1 // (number - 1)

    with pytest.raises(ZeroDivisionError):
        list(behind(step, range(9)))
    assert seen == [0, 1]


def test_a_step_that_has_begun_is_completed_when_the_caller_is_interrupted():
    done = []

    def items():
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(behind(done.append, items()))
    assert done == [1]


def test_no_more_items_are_taken_than_asked_for():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = ahead(abs, items(), 2)
    next(results)
    results.close()
    assert len(taken) == 3
