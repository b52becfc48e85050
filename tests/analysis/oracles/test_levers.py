"""The sentence that a report begins with."""

from __future__ import annotations

from lexiseg.analysis.oracles.helps import BOUNDARIES, NAMES, NO_WRONG, NONE_MISSED
from lexiseg.analysis.oracles.levers import Estimate, Lever, biggest_lever

QUALITY = Estimate(0.7)


def lever(name: str, gain: float) -> Lever:
    return Lever(name, 0.7 + gain, Estimate(gain, gain - 0.01, gain + 0.01), {})


def test_the_biggest_skill_comes_first_whatever_counts_would_give() -> None:
    levers = [lever(NONE_MISSED, 0.2), lever(NAMES, 0.1), lever(BOUNDARIES, 0.05)]
    said = biggest_lever("PQ", QUALITY, levers)
    assert said.startswith("PQ is 70.0, and the biggest lever is the names")
    assert "+10.0" in said and "the outlines +5.0" in said


def test_where_only_answers_are_missing_the_sentence_says_so() -> None:
    levers = [lever(NONE_MISSED, 0.2), lever(NO_WRONG, 0.1), lever(NAMES, 0.0)]
    said = biggest_lever("PQ", QUALITY, levers)
    assert said == "PQ is 70.0; no skill would raise it, but nothing missed would give +20.0."
    assert "no single help" in biggest_lever("PQ", QUALITY, [lever(NAMES, 0), lever(NO_WRONG, 0)])
