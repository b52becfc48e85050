"""Numbers of one row of the zero-guidance replication, and paired differences of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniature_regions import MiniworldRegions
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.zero_guidance import (
    MIN_CLIP,
    Numbers,
    Ratio,
    divide,
    numbers_of,
    to_crossing,
)
from lexiseg.metrics import bootstrap_interval
from lexiseg.metrics.renamed_segments import FOUND, VOID, Crossing

FloatArray = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """What one row found.

    Args:
        records: one per scene.
        dataset: the scenes.
    """

    records: Sequence[Record]
    dataset: MiniworldRegions

    def statistic(self, name: str) -> Callable[[NDArray[Any]], FloatArray]:
        """Function of scene weights: a score of `Numbers`, or a share of true regions.

        The shares: ``things`` and ``stuff`` that some segment covers at IoU 0.5, whatever it is
        called; ``named``, true regions that the captioner gives the name of their class;
        ``named_things`` and ``named_stuff`` among them.
        """
        if name in self._shares:
            return partial(divide, self._shares[name])
        return self.numbers.statistic(name)

    def value(self, name: str) -> float:
        """In [0, 1]; NaN where nothing is counted."""
        return float(self.statistic(name)(np.ones((1, len(self.records))))[0])

    def interval(self, name: str) -> Interval:
        """Its 95 % interval over scenes."""
        return bootstrap_interval(len(self.records), self.statistic(name))

    @cached_property
    def numbers(self) -> Numbers:
        """Scores after relabelling by what CLIP sees."""
        return self.relabelled(MIN_CLIP)

    def relabelled(self, threshold: float) -> Numbers:
        """The same with another least cosine."""
        return numbers_of(self.records, self.dataset, threshold=threshold)

    @cached_property
    def segments_per_scene(self) -> float:
        """Mean number of segments."""
        return float(np.mean([len(record["said"]) for record in self.records]))

    @cached_property
    def _shares(self) -> dict[str, Ratio]:
        classes = self.dataset.classes
        stuff = {classes.number[name] for name in classes.stuff}
        kinds: dict[str, list[list[bool]]] = {
            name: [] for name in ("things", "stuff", "named", "named_things", "named_stuff")
        }
        for record in self.records:
            found = shapes_found(to_crossing(record))
            kinds["things"].append([hit for k, hit in found.items() if k not in stuff])
            kinds["stuff"].append([hit for k, hit in found.items() if k in stuff])
            right = {k: said == classes.names[k - 1] for k, said in record["told"]}
            kinds["named"].append(list(right.values()))
            kinds["named_things"].append([hit for k, hit in right.items() if k not in stuff])
            kinds["named_stuff"].append([hit for k, hit in right.items() if k in stuff])
        return {name: _share(scenes) for name, scenes in kinds.items()}


def shapes_found(crossing: Crossing) -> dict[int, bool]:
    """True class -> whether some segment has an IoU of at least 0.5 with its region."""
    counts = crossing.counts[:, crossing.values != VOID]
    values = crossing.values[crossing.values != VOID]
    either = counts.sum(axis=0) + counts.sum(axis=1)[:, None] - counts
    best = (counts / np.maximum(either, 1)).max(axis=0, initial=0.0)
    return {
        int(number): bool(overlap >= FOUND)
        for number, overlap in zip(values, best, strict=True)
        if number
    }


def _share(scenes: Sequence[Sequence[bool]]) -> Ratio:
    return (
        np.array([sum(hits) for hits in scenes], dtype=np.float64),
        np.array([len(hits) for hits in scenes], dtype=np.float64),
    )


def gain(one: Finding, other: Finding, name: str) -> tuple[float, float, float]:
    """Points that the first is above the second, and the paired 95 % interval over scenes."""
    first, second = one.statistic(name), other.statistic(name)

    def difference(weights: NDArray[Any]) -> FloatArray:
        points: FloatArray = 100 * (first(weights) - second(weights))
        return points

    scenes = len(one.records)
    value = float(difference(np.ones((1, scenes)))[0])
    return (value, *bootstrap_interval(scenes, difference))
