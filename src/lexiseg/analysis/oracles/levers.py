"""How much each help is worth, alone and one after the other, and which is worth most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.helps import (
    BASELINE,
    BOUNDARIES,
    NAMES,
    NO_WRONG,
    NONE_MISSED,
    SELECTION,
    SKILLS,
    TITLES,
    WITH_BOTH,
    WITH_MASKS,
)
from lexiseg.analysis.oracles.measures import Measure, RunTally
from lexiseg.metrics import bootstrap_interval
from lexiseg.metrics.bootstrap import Statistic

_BY_CANDIDATES = (SELECTION, WITH_MASKS, WITH_BOTH)
_BY_MAP = (NAMES, BOUNDARIES, NO_WRONG, NONE_MISSED)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over pictures."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Lever:
    """What one help alone is worth.

    Args:
        name: of the help, a key of `TITLES`.
        value: quality with it.
        gain: against the answer as it is.
        groups: group of classes -> gain.
    """

    name: str
    value: float
    gain: Estimate
    groups: Mapping[str, float]

    @property
    def title(self) -> str:
        """What is given, in words."""
        return TITLES[self.name]


@dataclass(frozen=True)
class Stair:
    """A step of helps that add up; their order decides what each is worth."""

    name: str
    value: float
    gain: float


@dataclass(frozen=True)
class Tallies:
    """Counts of all pictures under every help.

    Args:
        by_run: name of an answer -> its counts.
        measure: what quality is.
        groups: name of a group of classes -> their indices.
        pictures: how many.
        seed: of the bootstrap.
        draws: of the bootstrap.
    """

    by_run: Mapping[str, RunTally]
    measure: Measure
    groups: Mapping[str, Sequence[int]]
    pictures: int
    seed: int = 0
    draws: int = 1000

    @property
    def base(self) -> RunTally:
        """The answer as it is."""
        return self.by_run[BASELINE]

    @property
    def helped(self) -> dict[str, RunTally]:
        """Every help that was measured or follows from the counts, by name."""
        measured = {name: self.by_run[name] for name in TITLES if name in self.by_run}
        return measured | {rule: self.base.changed(rule) for rule in self.measure.rules}

    def value(self, tally: RunTally, group: str = "all") -> float:
        """Quality over a group of classes."""
        return float(tally.values(self._once, self.groups[group])[0])

    def estimate(self, tally: RunTally, group: str = "all") -> Estimate:
        """The same with its interval."""
        chosen = self.groups[group]
        return Estimate(
            self.value(tally, group), *self._interval(lambda w: tally.values(w, chosen))
        )

    def gain(self, tally: RunTally) -> Estimate:
        """What an answer is better than the one as it is, in the same pictures."""
        base, chosen = self.base, self.groups["all"]
        return Estimate(
            self.value(tally) - self.value(base),
            *self._interval(lambda w: tally.values(w, chosen) - base.values(w, chosen)),
        )

    def levers(self) -> list[Lever]:
        """Every help alone, the biggest first."""
        found = [
            Lever(
                name,
                self.value(tally),
                self.gain(tally),
                {g: self.value(tally, g) - self.value(self.base, g) for g in self.groups},
            )
            for name, tally in self.helped.items()
        ]
        return sorted(found, key=lambda lever: -lever.gain.value)

    def staircases(self) -> dict[str, list[Stair]]:
        """Helps that add up, in the order of the paper and on the final map."""
        stairs = {}
        if all(name in self.by_run for name in _BY_CANDIDATES):
            steps = [(name, self.by_run[name]) for name in _BY_CANDIDATES]
            stairs["among the candidates"] = self._stairs(steps)
        tally = self.by_run[NAMES]
        steps = [(NAMES, tally)]
        for rule in (rule for rule in _BY_MAP[1:] if rule in self.measure.rules):
            tally = tally.changed(rule)
            steps.append((rule, tally))
        return stairs | {"on the final map": self._stairs(steps)}

    def _stairs(self, steps: Sequence[tuple[str, RunTally]]) -> list[Stair]:
        before = self.value(self.base)
        stairs = [Stair(BASELINE, before, 0.0)]
        for name, tally in steps:
            value = self.value(tally)
            stairs.append(Stair(name, value, value - before))
            before = value
        return stairs

    @property
    def _once(self) -> NDArray[np.int64]:
        return np.ones((1, self.pictures), dtype=np.int64)

    def _interval(self, statistic: Statistic) -> tuple[float, float]:
        return bootstrap_interval(self.pictures, statistic, draws=self.draws, seed=self.seed)


def biggest_lever(measure: str, quality: Estimate, levers: Sequence[Lever]) -> str:
    """One sentence: how good the answer is, and what would help most.

    Args:
        measure: what quality is called.
        quality: of the answer as it is.
        levers: of `Tallies.levers`.
    """
    skills = [lever for lever in levers if lever.name in SKILLS]
    opening = f"{measure} is {_points(quality.value)}"
    if not skills or skills[0].gain.value <= 0:
        return f"{opening}; {_beyond_skills(levers)}."
    first, *rest = skills
    known = "" if first.gain.low > 0 else " (not certain: the interval holds 0)"
    others = [f"{SKILLS[lever.name]} {_signed(lever.gain.value)}" for lever in rest[:2]]
    return (
        f"{opening}, and the biggest lever is {SKILLS[first.name]}: {first.title} would give "
        f"{_signed(first.gain.value)}{known}" + (f" ({'; '.join(others)})." if others else ".")
    )


def _beyond_skills(levers: Sequence[Lever]) -> str:
    """What is left where no skill is lacking in what was answered."""
    counts = [lever for lever in levers if lever.name in (NO_WRONG, NONE_MISSED)]
    if not counts or counts[0].gain.value <= 0:
        return "no single help that was measured would raise it"
    best = counts[0]
    return f"no skill would raise it, but {best.title} would give {_signed(best.gain.value)}"


def _points(share: float) -> str:
    return "undefined" if share != share else f"{100 * share:.1f}"


def _signed(share: float) -> str:
    return "undefined" if share != share else f"{100 * share:+.1f}"
