"""Sums over the records of all pictures: errors by class and size, what swallows what, void."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.error_types import FoundType, TrueType
from lexiseg.analysis.oracles.helps import BIAS, NO_VOID
from lexiseg.analysis.oracles.judging import BINS, CROWD, FOUND_TYPES, TRUE_TYPES
from lexiseg.analysis.oracles.levers import Tallies
from lexiseg.analysis.oracles.missed import Missed
from lexiseg.io.record_file import Record
from lexiseg.metrics import AREAS

LOW_RECALL, MOSTLY = 0.1, 0.8  # of a class whose label policy may be another one
FEW = 5  # segments of a class that say nothing yet
DOMINATES = 0.5  # share of what is absorbed that one class swallows
KEPT = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # candidates


@dataclass(frozen=True)
class ClassLine:
    """One class of the table.

    Args:
        index: of the class.
        true: number of true segments.
        types: how many of each type.
        answered: number of answered segments.
        answers: how many of each type.
        quality: of the class; NaN where it does not occur.
        gains: help -> what it is worth for the class.
        swallower: class index of what absorbs most of it; -1 for none.
        conflict: whether labels of the class seem to follow another policy.
    """

    index: int
    true: int
    types: Mapping[TrueType, int]
    answered: int
    answers: Mapping[FoundType, int]
    quality: float
    gains: Mapping[str, float]
    swallower: int
    conflict: bool

    @property
    def split(self) -> Missed:
        """The paper's division of true segments."""
        found, named = self.types[TrueType.FOUND], self.types[TrueType.WRONG_CLASS]
        return Missed(self.true - found - named, named, found)

    @property
    def recall(self) -> float:
        """Share of true segments that are found; NaN where there are none."""
        return self.split.tp / self.true if self.true else float("nan")


def class_lines(
    records: Iterable[Record], classes: CaseClasses, tallies: Tallies
) -> list[ClassLine]:
    """The table of classes, in their order; those that do not occur are left out."""
    types, answers, swallowed = Counter[tuple[int, int]](), Counter[tuple[int, int]](), absorbed([])
    for record in records:
        types.update((row[0], row[2]) for row in record["true"] if row[2] != CROWD)
        answers.update((number, kind) for number, kind in record["found"])
        swallowed.update(absorbed([record]))
    base = tallies.base.per_class()
    gains = {name: tally.per_class() - base for name, tally in tallies.helped.items()}
    lines = []
    for index in range(len(classes)):
        own = {kind: types[index, place] for place, kind in enumerate(TRUE_TYPES)}
        given = {kind: answers[index, place] for place, kind in enumerate(FOUND_TYPES)}
        if sum(own.values()) or sum(given.values()):
            swallower, conflict = _policy(index, own, swallowed)
            worth = {name: float(values[index]) for name, values in gains.items()}
            lines.append(
                ClassLine(
                    index, sum(own.values()), own, sum(given.values()), given,
                    float(base[index]), worth, swallower, conflict,
                )
            )  # fmt: skip
    return lines


def _policy(
    index: int, types: Mapping[TrueType, int], swallowed: Counter[tuple[int, int]]
) -> tuple[int, bool]:
    """What absorbs most of a class, and whether that looks like another policy of labels.

    Low recall, misses that are mostly not segmented, and one class that swallows most of what is
    absorbed: the pattern of paintings that another data set counts as wall (Figure 5).
    """
    own = Counter({other: n for (true, other), n in swallowed.items() if true == index})
    if not own:
        return -1, False
    (swallower, times), number = own.most_common(1)[0], sum(types.values())
    found, named = types[TrueType.FOUND], types[TrueType.WRONG_CLASS]
    odd = number >= FEW and found < LOW_RECALL * number and number - found - named > MOSTLY * number
    return swallower, odd and times > DOMINATES * own.total() and swallower != index


def absorbed(records: Iterable[Record]) -> Counter[tuple[int, int]]:
    """(true class, class that swallows it) -> times."""
    absorbing = TRUE_TYPES.index(TrueType.ABSORBED)
    return Counter(
        (row[0], row[3]) for record in records for row in record["true"] if row[2] == absorbing
    )


def confused(records: Iterable[Record]) -> Counter[tuple[int, int]]:
    """(true class, answered class) -> pairs that overlap by more than half."""
    return Counter((true, found) for record in records for true, found in record["confused"])


@dataclass(frozen=True)
class SizeLine:
    """True segments of one size.

    Args:
        name: small, medium or large, as the COCO tools divide them.
        true: how many.
        types: of each type.
        recall: candidates kept -> share that one of them fits; empty without candidates.
    """

    name: str
    true: int
    types: Mapping[TrueType, int]
    recall: Mapping[int, float]


def size_lines(records: Sequence[Record]) -> list[SizeLine]:
    """By annotated area on original pixels."""
    rows = np.array(
        [row for r in records for row in r["true"] if row[2] != CROWD], dtype=np.float64
    ).reshape(-1, 6)
    most = max((r.get("candidates", 0) for r in records), default=0)
    kept = [count for count in KEPT if count < most] + ([most] if most else [])
    lines = []
    for name, (low, high) in AREAS.items():
        own = rows[(rows[:, 1] >= low) & (rows[:, 1] < high)]
        types = {kind: int((own[:, 2] == place).sum()) for place, kind in enumerate(TRUE_TYPES)}
        ranks = own[:, 5]
        recall = {k: float(((ranks > 0) & (ranks <= k)).mean()) for k in kept if len(own)}
        lines.append(SizeLine(name, len(own), types, recall))
    return lines


@dataclass(frozen=True)
class VoidBalance:
    """What "no object" costs.

    Args:
        fitting: histogram over [0, 1] of void's probability, of candidates that fit a segment.
        others: of all others.
        curve: bias of void's logit -> quality; minus infinity is no void at all.
        best: bias of the highest quality.
        gain: what it is worth on the pictures it was chosen on.
        held_out: what a bias chosen on one half of the pictures is worth on the other half, mean
            of both ways; NaN for fewer than two pictures.
    """

    fitting: Sequence[int]
    others: Sequence[int]
    curve: Mapping[float, float]
    best: float
    gain: float
    held_out: float


def void_balance(
    records: Sequence[Record], biases: Sequence[float], tallies: Tallies
) -> VoidBalance | None:
    """None without candidates."""
    if NO_VOID not in tallies.by_run:
        return None
    runs = {-np.inf: NO_VOID} | {bias: BIAS.format(bias) for bias in (0.0, *biases)}
    curve = {bias: tallies.value(tallies.by_run[runs[bias]]) for bias in sorted(runs)}
    best = max(curve, key=lambda bias: (curve[bias], -abs(bias)))
    histograms = np.array([r["void"] for r in records if "void" in r]).reshape(-1, 2, BINS)
    fitting, others = histograms.sum(axis=0).tolist()
    names = {bias: runs[bias] for bias in curve}
    held_out = _held_out(tallies, names)
    return VoidBalance(fitting, others, curve, best, curve[best] - curve[0.0], held_out)


def _held_out(tallies: Tallies, runs: Mapping[float, str]) -> float:
    """Choose on the even pictures, measure on the odd ones, and the other way round."""
    if tallies.pictures < 2:
        return float("nan")
    even = (np.arange(tallies.pictures) % 2 == 0).astype(np.int64)
    halves: NDArray[np.int64] = np.stack([even, 1 - even])
    chosen_classes = tallies.groups["all"]
    values = {b: tallies.by_run[name].values(halves, chosen_classes) for b, name in runs.items()}
    gains = []
    for half in (0, 1):
        chosen = max(values, key=lambda bias: (np.nan_to_num(values[bias][half]), -abs(bias)))
        gains.append(values[chosen][1 - half] - values[0.0][1 - half])
    return float(np.mean(gains))


@dataclass(frozen=True)
class WordingLine:
    """How often a text of a class was the one that a candidate got, rightly and wrongly."""

    true_class: int
    wording: str
    right: int
    wrong: int


def wording_lines(records: Iterable[Record]) -> list[WordingLine]:
    """Of candidates that fit a segment, by the class of the segment."""
    seen: dict[tuple[int, str], list[int]] = {}
    for record in records:
        for true, wording, right, times in record.get("wordings", ()):
            seen.setdefault((true, wording), [0, 0])[1 - right] += times
    return [WordingLine(*key, *counts) for key, counts in sorted(seen.items())]
