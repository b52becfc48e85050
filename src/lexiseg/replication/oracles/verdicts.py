"""What the paper's five findings become in miniature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lexiseg.analysis.oracles.findings import EVIDENCE
from lexiseg.analysis.oracles.helps import (
    BASELINE,
    NAMES,
    SELECTION,
    WITH_MASKS,
    WITH_NAMES,
    WITH_VOID,
)
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.analysis.oracles.missed import Missed
from lexiseg.replication.oracles.claims import GROUPS
from lexiseg.replication.oracles.numbers import Place, RowNumbers, difference
from lexiseg.replication.oracles.rows import SYSTEMS, TABLE_1, Row
from lexiseg.replication.page import percent, signed


@dataclass(frozen=True)
class Verdicts:
    """Judges the findings by FC-CLIP and MAFT+.

    Args:
        numbers: of each row.
    """

    numbers: Mapping[Row, RowNumbers]

    def text(self, number: int) -> str:
        """What the paper's tables say of a finding, and whether it is so here."""
        here, holds = {
            1: self._of_true_masks, 2: self._of_names, 3: self._of_choice, 4: self._of_groups,
            5: self._of_missed,
        }[number]()  # fmt: skip
        word = "So here" if holds else "Not so here, or not clearly"
        return f"Paper: {EVIDENCE[number - 1]}. {word}: {here}."

    def _of_true_masks(self) -> tuple[str, bool]:
        best = self.numbers[TABLE_1[-1]].quality()
        whole = [self.numbers[row].quality() for row in SYSTEMS]
        here = f"the ConvNeXt on true masks {points(best)}, the systems {_reached(whole)}"
        return here, best.low > max(found.high for found in whole)

    def _of_names(self) -> tuple[str, bool]:
        gains = self._gains(NAMES, BASELINE)
        return f"{_gained(gains)} by true names on the final map", _above(gains)

    def _of_choice(self) -> tuple[str, bool]:
        free, bound = self._gains(SELECTION, BASELINE), self._gains(WITH_VOID, BASELINE)
        here = (
            f"{_gained(free)} by the best candidates, {_gained(bound)} while no object is a choice"
        )
        return here, _above(free) and _above(self._gains(SELECTION, WITH_VOID))

    def _of_groups(self) -> tuple[str, bool]:
        seen, unseen = (self._gains(WITH_MASKS, SELECTION, group) for group in GROUPS[1:])
        names = [self._gains(WITH_NAMES, SELECTION, group) for group in GROUPS[1:]]
        here = (
            f"true masks add {_gained(seen)} on seen classes, {_gained(unseen)} on unseen ones; "
            f"true names {_gained(names[0])}, and {_gained(names[1])}"
        )
        pairs = zip(seen, unseen, strict=True)
        return here, all(one.value > other.value for one, other in pairs)

    def _of_missed(self) -> tuple[str, bool]:
        splits = [self.split(row) for row in SYSTEMS]
        told = ", ".join(
            f"{row.label} does not segment {split.fn_seg} and misnames {split.fn_cls}"
            for row, split in zip(SYSTEMS, splits, strict=True)
        )
        return told, all(split.fn_seg > split.fn_cls for split in splits)

    def split(self, row: Row) -> Missed:
        """What became of all true segments."""
        every = [line.split for line in self.numbers[row].lines]
        return Missed(*(sum(part) for part in zip(*every, strict=True)))

    def _gains(self, better: str, worse: str, group: str = "all") -> list[Estimate]:
        """What an answer is better than another, for each system."""
        return [
            difference(
                [
                    Place(self.numbers[row], better, group),
                    Place(self.numbers[row], worse, group, -1),
                ]
            )
            for row in SYSTEMS
        ]


def _reached(found: Iterable[Estimate]) -> str:
    """FC-CLIP's number, and MAFT+'s."""
    return " and ".join(map(points, found))


def _gained(found: Iterable[Estimate]) -> str:
    """The same of differences."""
    return " and ".join(map(signed_points, found))


def _above(found: Iterable[Estimate]) -> bool:
    """Whether all are above zero with their intervals."""
    return all(estimate.low > 0 for estimate in found)


def points(found: Estimate) -> str:
    """A share in points with its interval."""
    return f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def signed_points(found: Estimate) -> str:
    """A difference in points with its interval."""
    return signed(*(100 * value for value in (found.value, found.low, found.high)))
