"""Numbers of one row of the OpenWorldSAM replication, and paired differences of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.sample import InstanceSample, PanopticSample
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks.instance_rules import COCO_RULES
from lexiseg.evaluation.tasks.instances import answers_of, gather, statistics_of
from lexiseg.evaluation.tasks.panoptic import counts_per_image, quality_of
from lexiseg.evaluation.tasks.semantic import mean_iou_of, parts_per_image
from lexiseg.metrics import bootstrap_interval, concept_f1, matthews, positive_f1
from lexiseg.replication.openworldsam.worker import objects

FloatArray = NDArray[np.float64]
Statistic = Callable[[NDArray[np.number]], FloatArray]


@dataclass(frozen=True)
class Finding:
    """What one row found.

    Args:
        records: one per scene.
        samples: the truth of each.
        dataset: the scenes.
    """

    records: Sequence[Record]
    samples: Sequence[PanopticSample]
    dataset: MiniworldSegments

    def statistic(self, name: str) -> Statistic:
        """Function of scene weights (D, scenes) that gives (D,) values.

        Args:
            name: "pq", "ap" of things, "miou", "ciou", "mcc" of presence, "f1" of present names,
                "cgf1", or "refused", the share of absent names that are.
        """
        return getattr(self, f"_{name}")  # type: ignore[no-any-return]

    def value(self, name: str) -> float:
        """In [0, 1]; NaN where nothing is counted."""
        return float(self.statistic(name)(np.ones((1, len(self.records))))[0])

    def interval(self, name: str) -> tuple[float, float]:
        """Its 95 % interval over scenes."""
        return bootstrap_interval(len(self.records), self.statistic(name))

    def first(self, scenes: int) -> Finding:
        """What was found in the first scenes."""
        return Finding(self.records[:scenes], self.samples[:scenes], self.dataset)

    @cached_property
    def _pq(self) -> Statistic:
        images = counts_per_image(self.records, len(self.dataset.classes))
        return partial(quality_of, images=images)

    @cached_property
    def _ap(self) -> Statistic:
        stuff = self.dataset.classes.stuff
        names = self.dataset.classes.names
        truths = [
            InstanceSample(
                sample.id, place, sample.image,
                tuple(o for o in objects(sample) if names[o.class_index] not in stuff),
            )
            for place, sample in enumerate(self.samples)
        ]  # fmt: skip
        matches = gather(map(answers_of, self.records), truths, COCO_RULES)
        return statistics_of(matches, COCO_RULES)["ap"]

    @cached_property
    def _miou(self) -> Statistic:
        """Over the classes shown; a pixel that is given no name is wrong."""
        classes = len(self.dataset.classes)
        both, either, true = parts_per_image(self.records, classes, count_background=True)
        return partial(mean_iou_of, parts=(both[:, 1:], either[:, 1:], true[:, 1:]))

    @cached_property
    def _ciou(self) -> Statistic:
        sums = np.array([np.sum(r["overlap"] or [[0, 0]], axis=0) for r in self.records])

        def ratio(weights: NDArray[np.number]) -> FloatArray:
            both, either = (weights @ sums).astype(np.float64).T
            return _share(both, either)

        return ratio

    @cached_property
    def _presence(self) -> FloatArray:
        return np.array([record["presence"] for record in self.records], dtype=np.float64)

    @cached_property
    def _positive(self) -> FloatArray:
        counts = [record["positive"] for record in self.records]
        return np.array(counts, dtype=np.float64).reshape(len(counts), -1)

    def _mcc(self, weights: NDArray[np.number]) -> FloatArray:
        return matthews(weights @ self._presence)

    def _f1(self, weights: NDArray[np.number]) -> FloatArray:
        return positive_f1((weights @ self._positive).reshape(-1, 10, 3))

    def _cgf1(self, weights: NDArray[np.number]) -> FloatArray:
        positive = (weights @ self._positive).reshape(-1, 10, 3)
        return concept_f1(positive, weights @ self._presence)

    def _refused(self, weights: NDArray[np.number]) -> FloatArray:
        _, only_kept, _, neither = (weights @ self._presence).T
        return _share(neither, only_kept + neither)

    def best_threshold(self) -> tuple[float, float]:
        """The threshold on the names' scores with the highest correlation in hindsight.

        Returns:
            The threshold and the correlation.
        """
        rows = [tuple(pair) for record in self.records for pair in record["scores"]]
        there = np.array([present for present, _ in rows], dtype=bool)
        scores = np.array([score for _, score in rows])
        limits = np.unique(scores)
        kept = scores[:, None] >= limits
        counts = np.stack(
            [
                (kept & there[:, None]).sum(axis=0),
                (kept & ~there[:, None]).sum(axis=0),
                (~kept & there[:, None]).sum(axis=0),
                (~kept & ~there[:, None]).sum(axis=0),
            ],
            axis=-1,
        )
        values = matthews(counts)
        best = int(values.argmax())
        return float(limits[best]), float(values[best])


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """NaN where there is no whole."""
    share: FloatArray = np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
    return share


def gain(one: Finding, other: Finding, name: str) -> tuple[float, float, float]:
    """Points that the first is above the second, with the paired 95 % interval over scenes.

    Scenes that only one of them was asked about are left out.
    """
    scenes = min(len(one.records), len(other.records))
    first, second = one.first(scenes).statistic(name), other.first(scenes).statistic(name)

    def difference(weights: NDArray[np.number]) -> FloatArray:
        points: FloatArray = 100 * (first(weights) - second(weights))
        return points

    value = float(difference(np.ones((1, scenes)))[0])
    return (value, *bootstrap_interval(scenes, difference))
