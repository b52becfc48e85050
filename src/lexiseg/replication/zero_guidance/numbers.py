"""Numbers of one row of the zero-guidance replication, and paired differences of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniature_regions import MiniworldRegions
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks.self_named.numbers import Numbers, Ratio, divide
from lexiseg.evaluation.tasks.self_named.scoring import (
    MIN_CLIP,
    MIN_TEXT,
    numbers_of,
    renamed,
    to_crossing,
)
from lexiseg.evaluation.tasks.self_named.thresholds import Curve, Sweep
from lexiseg.metrics import bootstrap_interval
from lexiseg.metrics.renamed_segments import FOUND, VOID, Crossing

FloatArray = NDArray[np.float64]
Interval = tuple[float, float]
PURE = 0.9  # share of a segment's pixels that have one class, from which it is pure
SHARES = ("things", "stuff", "named", "named_things", "named_stuff", "quality", "pure", "mixed")
MEANING = "tt_"


@dataclass(frozen=True)
class Finding:
    """What one row found.

    Args:
        records: one per scene, with what their labels mean (`by_meaning`).
        dataset: the scenes.
    """

    records: Sequence[Record]
    dataset: MiniworldRegions

    def statistic(self, name: str) -> Callable[[NDArray[np.number]], FloatArray]:
        """Function of scene weights: a score of `Numbers`, or a share of true regions.

        Scores that begin with ``tt_`` are those after relabelling by what labels mean.

        The shares: ``things`` and ``stuff`` that some segment covers at IoU 0.5, whatever it is
        called; ``named``, true regions that the captioner gives the name of their class;
        ``named_things`` and ``named_stuff`` among them; ``quality``, those that get a name which
        means their class (text generation quality). And of segments: ``pure`` and ``mixed``
        ones, by `PURE`, that are moved to the class most of their pixels have.
        """
        if name in self._shares:
            return partial(divide, self._shares[name])
        if name.startswith(MEANING):
            return self.meant.statistic(name.removeprefix(MEANING))
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
        return numbers_of(self.records, self.dataset, "st", MIN_CLIP)

    @cached_property
    def meant(self) -> Numbers:
        """Scores after relabelling by what labels mean."""
        return numbers_of(self.records, self.dataset, "tt", MIN_TEXT)

    def curve(self, sweep: Sweep) -> Curve:
        """IoU in percent at each threshold."""
        return sweep.curve(self.records, self.dataset)

    def first(self, scenes: int) -> Finding:
        """What was found in the first scenes."""
        return Finding(self.records[:scenes], self.dataset)

    @cached_property
    def segments_per_scene(self) -> float:
        """Mean number of segments."""
        return float(np.mean([len(record["said"]) for record in self.records]))

    @cached_property
    def invented_per_scene(self) -> float:
        """Mean number of classes that are answered and not there."""
        return float(np.mean([(~overlaps.true).sum() for overlaps in self.numbers.pictures]))

    @cached_property
    def subtraction(self) -> float:
        """Median weight of the subtraction over all candidates; NaN where there is none."""
        weights = [weight for record in self.records for weight in record["subtraction"]]
        return float(np.median(weights)) if weights else float("nan")

    @cached_property
    def ious(self) -> FloatArray:
        """IoU of each scene; 0 where it has none."""
        return self.numbers.ratios["iou"][0]

    @cached_property
    def _shares(self) -> dict[str, Ratio]:
        classes = self.dataset.classes
        stuff = {classes.number[name] for name in classes.stuff}
        kinds: dict[str, list[list[bool]]] = {name: [] for name in SHARES}
        for record in self.records:
            crossing = to_crossing(record)
            right_of = segments_right(crossing, renamed(record, "st", MIN_CLIP))
            kinds["pure"].append([hit for hit, pure in right_of if pure])
            kinds["mixed"].append([hit for hit, pure in right_of if not pure])
            found = shapes_found(crossing)
            kinds["things"].append([hit for k, hit in found.items() if k not in stuff])
            kinds["stuff"].append([hit for k, hit in found.items() if k in stuff])
            right = {k: said == classes.names[k - 1] for k, said in record["told"]}
            kinds["named"].append(list(right.values()))
            kinds["quality"].append([cosine > FOUND for cosine in record["told_cosine"]])
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


def segments_right(crossing: Crossing, labels: NDArray[np.int64]) -> list[tuple[bool, bool]]:
    """Whether each segment has the class of most of its pixels, and whether it is pure."""
    shares = crossing.counts / np.maximum(crossing.counts.sum(axis=1, keepdims=True), 1)
    most = crossing.values[shares.argmax(axis=1)]
    pure = shares.max(axis=1, initial=0.0) >= PURE
    return list(zip((labels == most).tolist(), pure.tolist(), strict=True))


def _share(scenes: Sequence[Sequence[bool]]) -> Ratio:
    return (
        np.array([sum(hits) for hits in scenes], dtype=np.float64),
        np.array([len(hits) for hits in scenes], dtype=np.float64),
    )


def gain(one: Finding, other: Finding, name: str) -> tuple[float, float, float]:
    """Points that the first is above the second, and the paired 95 % interval over scenes."""
    first, second = one.statistic(name), other.statistic(name)

    def difference(weights: NDArray[np.number]) -> FloatArray:
        points: FloatArray = 100 * (first(weights) - second(weights))
        return points

    scenes = len(one.records)
    value = float(difference(np.ones((1, scenes)))[0])
    return (value, *bootstrap_interval(scenes, difference))


def measured(finding: Finding, name: str) -> str:
    """A value and its interval in percent, put into words."""
    low, high = finding.interval(name)
    return f"{percent(finding.value(name))} ({percent(low)} to {percent(high)})"


def percent(value: float) -> str:
    """In percent; nothing where nothing is counted."""
    return "" if value != value else f"{100 * value:.1f}"
