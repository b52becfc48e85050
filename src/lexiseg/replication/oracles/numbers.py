"""RowNumbers of one row of the replication, and paired differences of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.helps import BASELINE
from lexiseg.analysis.oracles.levers import Estimate, Tallies
from lexiseg.analysis.oracles.measures import PanopticMeasure
from lexiseg.analysis.oracles.summary import ClassLine, class_lines
from lexiseg.evaluation.records import Record
from lexiseg.metrics import bootstrap_interval


@dataclass(frozen=True)
class RowNumbers:
    """What one row found.

    Args:
        records: one per scene.
        classes: of the scenes.
    """

    records: Sequence[Record]
    classes: CaseClasses

    @cached_property
    def tallies(self) -> Tallies:
        """Sums under every help that was measured."""
        measure, count = PanopticMeasure(), len(self.classes)
        by_run = {
            name: measure.gather([record["runs"][name] for record in self.records], count)
            for name in self.records[0]["runs"]
        }
        return Tallies(by_run, measure, self.classes.chosen(), len(self.records))

    @cached_property
    def lines(self) -> Sequence[ClassLine]:
        """Counts of every class that occurs."""
        return class_lines(self.records, self.classes, self.tallies)

    def quality(self, run: str = BASELINE, group: str = "all") -> Estimate:
        """Panoptic quality with its interval, in [0, 1]."""
        return self.tallies.estimate(self.tallies.by_run[run], group)

    def weighted(self, weights: NDArray[np.number], run: str, group: str) -> NDArray[np.float64]:
        """Panoptic quality for every weighting (D, scenes) of the scenes."""
        return self.tallies.by_run[run].values(weights, self.tallies.groups[group])


@dataclass(frozen=True)
class Place:
    """A number of the replication.

    Args:
        numbers: of a row.
        run: name of an answer.
        group: of classes.
        sign: with which it enters a sum.
    """

    numbers: RowNumbers
    run: str = BASELINE
    group: str = "all"
    sign: int = 1


def difference(places: Sequence[Place]) -> Estimate:
    """The signed sum of numbers of the same scenes, with its interval."""

    def total(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        parts = [p.sign * p.numbers.weighted(weights, p.run, p.group) for p in places]
        summed: NDArray[np.float64] = np.sum(parts, axis=0)
        return summed

    scenes = len(places[0].numbers.records)
    value = float(total(np.ones((1, scenes), dtype=np.int64))[0])
    return Estimate(value, *bootstrap_interval(scenes, total))
