"""What the page says about step D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lexiseg.replication.tides.selection import describe_selection


@dataclass
class Numbers:
    """What the section reads of a `Finding`."""

    ap: float
    ar100: float
    ideal: float
    answers_per_scene: float

    def value(self, name: str) -> float:
        return float(getattr(self, name))


def section(raw: Numbers, io: Numbers, gain: tuple[float, float, float]) -> list[str]:
    compared: Any = {"sclip": (raw, io)}
    return list(describe_selection(compared, gain))


RAW = Numbers(ap=0.30, ar100=0.40, ideal=0.41, answers_per_scene=16)


def test_a_gain_is_what_selection_and_order_bring_together() -> None:
    *_, row, _, reading = section(RAW, Numbers(0.27, 0.36, 0.37, 4), (-3.0, -4.0, -2.0))
    assert row == "| sclip | 16.0 / 4.0 | 40.0 / 36.0 | 41.0 / 37.0 | 30.0 / 27.0 |"
    assert "keeps 25 % of the answers" in reading and "AR100 by -4.0" in reading
    assert "ideal order by -4.0" in reading and "brings +1.0" in reading
    assert "it removes right answers." in reading and "orders answers worse" not in reading


@pytest.mark.parametrize(
    ("gain", "ideal", "words"),
    [
        ((2.0, 0.5, 3.0), 0.42, "The preset's IO beats Raw, as the paper's does there."),
        ((2.0, -0.5, 3.0), 0.42, "so few scenes do not tell it from 0."),
        ((0.5, -0.5, 3.0), 0.42, "no clear difference): it orders answers worse"),
        ((-2.0, -3.0, -1.0), 0.41, "it orders answers worse"),
        ((-2.0, -3.0, -1.0), 0.40, "it removes right answers and it orders answers worse"),
    ],
)
def test_the_verdict_follows_the_numbers(
    gain: tuple[float, float, float], ideal: float, words: str
) -> None:
    assert words in section(RAW, Numbers(0.32, 0.4, ideal, 5), gain)[-1]
