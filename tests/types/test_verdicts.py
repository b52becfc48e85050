from __future__ import annotations

import numpy as np
import pytest

from lexiseg.errors import UsageError
from lexiseg.types import Instance, Mask, Presence, Vocabulary, reported


def region(name: str, score: float, left: int, right: int) -> Instance:
    pixels = np.zeros((2, 10), bool)
    pixels[:, left:right] = True
    return Instance(name, score, Mask.from_array(pixels))


FOUND = [
    region("dog", 0.9, 0, 4),
    region("dog", 0.3, 6, 8),
    region("ball", 0.5, 3, 5),
    region("fox", 0.8, 8, 10),
]
VERDICTS = [
    Presence("dog", 0.9, True, "kept in step 2", 2),
    Presence("cat", 0.1, False, "removed in step 1", 1),
    Presence("ball", 0.5, True, "kept in step 2", 2),
    Presence("fox", 0.8, True, "kept in step 2", 2),
]


def ask(**how):
    vocabulary = Vocabulary.parse("dog, cat", **how)
    regions, verdicts = reported(FOUND, VERDICTS, vocabulary)
    shown = [(item.label, item.score, item.mask.area) for item in regions]
    return shown, {entry.name: entry for entry in verdicts}


def test_rivals_are_silent_and_every_reason_tells_the_company() -> None:
    shown, verdicts = ask(against=["ball", "fox", "Dog"])
    assert shown == [("dog", 0.9, 8), ("dog", 0.3, 4)]
    assert list(verdicts) == ["dog", "cat"] and verdicts["dog"].kept and not verdicts["cat"].kept
    assert verdicts["cat"].reason == "removed in step 1, asked with 1 other against 2 more"
    assert verdicts["cat"].step == 1


@pytest.mark.parametrize(
    ("names", "how", "company"),
    [
        ("dog", {}, "asked alone"),
        ("dog", {"against": "cat"}, "asked alone against 1 more"),
        ("dog, cat, fox", {}, "asked with 2 others"),
        ("dog, cat", {"against": "fox", "excluded": "ball"}, "asked with 1 other against 2 more"),
    ],
)  # fmt: skip
def test_company_in_words(names, how, company) -> None:
    assert Vocabulary.parse(names, **how).company == company


def test_excluded_names_are_cut_out_of_the_others() -> None:
    shown, verdicts = ask(excluded=["ball"])
    assert shown == [("dog", 0.9, 6), ("dog", 0.3, 4)] and verdicts["dog"].kept
    whole = Vocabulary.parse("ball, cat", excluded="dog")
    regions, verdicts = reported([region("ball", 0.5, 1, 3), *FOUND[:1]], VERDICTS[:3], whole)
    assert regions == [] and [entry.kept for entry in verdicts] == [False, False]
    assert verdicts[1].reason.startswith("covered by an excluded name")


def test_a_name_whose_regions_are_all_below_its_cutoff_is_refused() -> None:
    assert ask(cutoffs={"dog": 0.3})[0] == [("dog", 0.9, 8), ("dog", 0.3, 4)]
    assert ask(cutoffs={"dog": 0.31})[0] == [("dog", 0.9, 8)]
    shown, verdicts = ask(cutoffs={"dog": 0.95, "cat": 0.0})
    assert shown == [] and not verdicts["dog"].kept and verdicts["dog"].score == 0.9
    assert verdicts["dog"].reason == "below its cut-off 0.95, asked with 1 other"
    assert verdicts["cat"].reason.startswith("removed in step 1")


def test_all_names_compete_as_equals() -> None:
    vocabulary = Vocabulary.parse({"pup": "dog"}, against="red_fox", excluded="ball")
    assert vocabulary.competing == Vocabulary(
        ("dog", "red_fox", "ball"), (("pup",), ("red fox",), ("ball",))
    )
    assert Vocabulary.parse(vocabulary) == vocabulary
    assert Vocabulary.parse(vocabulary, cutoffs={"dog": 1}).against == ("red_fox",)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"cutoffs": {"dgo": 0.5}}, "did you mean 'dog'"),
        ({"cutoffs": {"dog": 1.5}}, "expected 0 to 1"),
        ({"cutoffs": {"dog": float("nan")}}, "expected 0 to 1"),
        ({"cutoffs": {"dog": "high"}}, "expected 0 to 1"),
        ({"excluded": ["DOG"]}, "asked and excluded"),
        ({"against": [" "]}, "empty or blank"),
        ({"excluded": [3]}, "must be text"),
    ],
)
def test_what_makes_no_sense_is_refused(how, sentence) -> None:
    with pytest.raises(UsageError, match=sentence):
        ask(**how)


@pytest.mark.parametrize(("limit", "stays"), [(0.6, True), (0.8, False)])
def test_a_name_without_regions_is_judged_by_what_other_views_show(
    limit: float, stays: bool
) -> None:
    ground = region("cat", 0.7, 0, 10)
    vocabulary = Vocabulary.parse("dog, cat", cutoffs={"cat": limit})
    verdicts = [VERDICTS[0], Presence("cat", 0.9, True, "seen")]
    _, entries = reported(FOUND, verdicts, vocabulary, [ground, region("dog", 0.1, 0, 1)])
    assert entries[0].kept and entries[1].kept is stays
    assert stays or entries[1].reason.startswith("below its cut-off 0.8")
