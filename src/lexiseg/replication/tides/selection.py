"""Where Raw and IO differ: what step D removes, and how it orders the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np

from lexiseg.replication.page import percent
from lexiseg.replication.tides.numbers import Finding
from lexiseg.replication.tides.rows import GOAL_GAIN

Gain: TypeAlias = tuple[float, float, float]  # mean, low and high end of its interval, in points


def describe_selection(
    compared: Mapping[str, tuple[Finding, Finding]], gain: Gain
) -> Iterator[str]:
    """Lines of a section of the page.

    Args:
        compared: scorer -> what was found by Raw and by IO.
        gain: AP of IO minus Raw, averaged over scorers.
    """
    yield "### What the preset's step D changes"
    yield ""
    yield (
        "*Ideal order*: AP of the same answers if each were scored by its IoU with the object "
        "it lies on; what remains to 100 is missing or misshapen answers, what is lost against "
        "it is order."
    )
    yield ""
    yield (
        "| scorer | answers per scene, Raw / preset's IO | AR100, Raw / IO | AP in ideal order "
        "| AP, Raw / IO |"
    )
    yield "| --- | --- | --- | --- | --- |"
    for scorer, both in compared.items():
        cells = (
            " / ".join(f"{one.answers_per_scene:.1f}" for one in both),
            " / ".join(percent(one.value("ar100")) for one in both),
            " / ".join(percent(one.ideal) for one in both),
            " / ".join(percent(one.value("ap")) for one in both),
        )
        yield f"| {scorer} | {' | '.join(cells)} |"
    yield ""
    yield _reading(compared, gain)


def _reading(compared: Mapping[str, tuple[Finding, Finding]], gain: Gain) -> str:
    """What the table says about the mean gain, put into words."""
    raws, ios = zip(*compared.values(), strict=True)
    recall = 100 * _mean_gain(
        [io.value("ar100") for io in ios], [raw.value("ar100") for raw in raws]
    )
    ideal = 100 * _mean_gain([io.ideal for io in ios], [raw.ideal for raw in raws])
    kept = float(np.mean([io.answers_per_scene for io in ios]))
    kept /= max(float(np.mean([raw.answers_per_scene for raw in raws])), 1e-9)
    order = gain[0] - ideal
    return (
        f"On average step D keeps {100 * kept:.0f} % of the answers. That moves AR100 by "
        f"{recall:+.1f} and the AP that these answers could reach in ideal order by "
        f"{ideal:+.1f}; the order it gives to the rest brings {order:+.1f}, which together is "
        f"the gain of {gain[0]:+.1f}. {_verdict(gain, ideal, order)}"
    )


def _mean_gain(ours: list[float], theirs: list[float]) -> float:
    """Mean difference."""
    return float(np.mean(ours) - np.mean(theirs))


def _verdict(gain: Gain, ideal: float, order: float) -> str:
    """One sentence about the goal."""
    value, low, high = gain
    if value >= GOAL_GAIN and low > 0:
        return "The preset's IO beats Raw, as the paper's does there."
    if value >= GOAL_GAIN:
        return (
            f"That reaches the goal of {GOAL_GAIN:+.1f}, yet so few scenes do not tell it from 0."
        )
    causes = [
        *(["it removes right answers"] if ideal < 0 else []),
        *(["it orders answers worse than the segmenter's own score does"] if order < 0 else []),
    ]
    cause = " and ".join(causes) or "neither selection nor order moves enough"
    seen = "no clear difference" if low <= 0 <= high else f"{value:+.1f}"
    return (
        f"The preset's IO misses the goal of {GOAL_GAIN:+.1f} AP ({seen}): {cause}. How often the "
        "segmenter is surer of a part than of the object is measured by `lexiseg analyze psm-bias` "
        "([analysis.md](analysis.md))."
    )
