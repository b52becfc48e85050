"""Numbers of one row of the TIDES replication, and paired differences of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.sample import InstanceSample
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks.instance_rules import COCO_RULES, Found
from lexiseg.evaluation.tasks.instances import (
    Statistic,
    answers_of,
    class_ious,
    gather,
    statistics_of,
)
from lexiseg.metrics import bootstrap_interval, mask_ious


@dataclass(frozen=True)
class Finding:
    """What one row found.

    Args:
        records: one per scene.
        samples: the truth of each.
    """

    records: Sequence[Record]
    samples: Sequence[InstanceSample]

    def precision(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        """AP for drawings of scenes, which all differences share and which are counted once."""
        key = weights.tobytes()
        if key not in self._precision:
            self._precision[key] = self.statistics["ap"](weights)
        return self._precision[key]

    @cached_property
    def _precision(self) -> dict[bytes, NDArray[np.float64]]:
        return {}

    @cached_property
    def answers(self) -> Sequence[Sequence[Found]]:
        """What was answered in each scene."""
        return [answers_of(record) for record in self.records]

    @cached_property
    def statistics(self) -> Mapping[str, Statistic]:
        """Name of a number -> function of scene weights."""
        return statistics_of(gather(self.answers, self.samples, COCO_RULES), COCO_RULES)

    def value(self, name: str) -> float:
        """A number in [0, 1]; NaN where nothing is counted."""
        return float(self.statistics[name](np.ones((1, len(self.records))))[0])

    def interval(self, name: str = "ap") -> tuple[float, float]:
        """Its 95 % interval over scenes."""
        statistic = self.precision if name == "ap" else self.statistics[name]
        return bootstrap_interval(len(self.records), statistic)

    @cached_property
    def class_iou(self) -> float:
        """Classes answered and true over classes answered or true, averaged over scenes."""
        return float(class_ious(self.records).mean())

    @cached_property
    def class_interval(self) -> tuple[float, float]:
        """Its 95 % interval over scenes."""
        ious = class_ious(self.records)
        return bootstrap_interval(len(ious), lambda weights: weights @ ious / len(ious))

    @cached_property
    def answers_per_scene(self) -> float:
        """Mean number of answers."""
        return float(np.mean([len(record["found"]) for record in self.records]))

    @cached_property
    def ideal(self) -> float:
        """AP if every answer were scored by its best IoU with an object of its class."""
        told = map(_scored_by_truth, self.answers, self.samples)
        statistics = statistics_of(gather(told, self.samples, COCO_RULES), COCO_RULES)
        return float(statistics["ap"](np.ones((1, len(self.records))))[0])


def _scored_by_truth(answers: Sequence[Found], sample: InstanceSample) -> list[Found]:
    masks = [mask for _, _, mask in answers]
    own = np.array([number for number, *_ in answers])[:, None]
    classes = np.array([item.class_index for item in sample.objects])
    objects = [item.mask for item in sample.objects]
    ious = mask_ious(masks, objects, np.zeros(len(objects), dtype=bool)) * (own == classes)
    best = ious.max(axis=1, initial=0)
    return [
        (number, float(iou), mask) for (number, _, mask), iou in zip(answers, best, strict=True)
    ]


def mean_gain(pairs: Sequence[tuple[Finding, Finding]]) -> tuple[float, float, float]:
    """AP points that the second of each pair is above the first, averaged over pairs.

    Returns:
        The value and its 95 % interval over scenes, which are the same for all.
    """

    def statistic(weights: NDArray[np.number]) -> NDArray[np.float64]:
        gains = [io.precision(weights) - raw.precision(weights) for raw, io in pairs]
        mean: NDArray[np.float64] = 100 * np.mean(gains, axis=0)
        return mean

    scenes = len(pairs[0][0].records)
    return (
        float(statistic(np.ones((1, scenes)))[0]),
        *bootstrap_interval(scenes, statistic),
    )
