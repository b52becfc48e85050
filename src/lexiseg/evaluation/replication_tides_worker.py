"""One process of a TIDES replication: asks one scene in every way that is still missing.

A scene is drawn once and seen once by each scorer; what the segmenter is prompted with for one
scorer serves all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import lexiseg
from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniature_instances import MiniworldObjects
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.sample import InstanceSample
from lexiseg.evaluation import instances
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.replication_tides_rows import Row
from lexiseg.methods.tides import Tides
from lexiseg.methods.tides.oracles import Truth, with_truth

SEED = 2025  # of the scenes; nothing was tuned on them
THINGS = (1, 8)
NEIGHBORS = 0.4


@dataclass(frozen=True)
class Task:
    """What to do for one scene."""

    scene: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class TidesReplicant:
    """TIDES with the bundled weights on held-out Miniworld, with every scorer.

    Args:
        method: registry name.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        scenes: number of scenes.
    """

    method: str
    device: str
    dtype: str
    scenes: int

    @cached_property
    def dataset(self) -> MiniworldObjects:
        """Held-out scenes with crowds and neighbors of one kind; half of the names are absent."""
        world = Miniworld("test", size=SIDE, seed=SEED, things=THINGS, neighbors=NEIGHBORS)
        return MiniworldObjects(world, self.scenes, half_absent=True)

    def fresh(self) -> TidesReplicant:
        """The same without anything loaded, to be sent to another process."""
        return TidesReplicant(self.method, self.device, self.dtype, self.scenes)

    def configured(self, row: Row) -> Tides:
        """The method as a row asks it, without the truth."""
        return self._load(row.scorer).configured(ranking=row.ranking, **dict(row.options))

    def run(self, task: Task) -> list[Record]:
        """A record for each row of a task."""
        sample = self.dataset[task.scene]
        scenes = self._see(sample, {row.scorer for row in task.rows})
        return [self._ask(row, scenes[row.scorer], sample) for row in task.rows]

    def _see(self, sample: InstanceSample, scorers: Collection[str]) -> Mapping[str, Any]:
        """The scene as each scorer sees it, with one memory of the segmenter's answers."""
        scenes: dict[str, Any] = {}
        for scorer in sorted(scorers):
            scene = self._load(scorer).encode(sample.image)
            first = next(iter(scenes.values()), scene)
            if scene.canvas == first.canvas:
                scene = replace(scene, masks=first.masks, embedding=first.embedding)
            scenes[scorer] = scene
        return scenes

    def _ask(self, row: Row, scene: Any, sample: InstanceSample) -> Record:
        method = self.configured(row)
        if row.truth:
            truth = Truth(sample.objects, self.dataset.classes.names)
            method = with_truth(method, truth, row.truth)
        return instances.score_scene(method, scene, sample, self.dataset)

    def _load(self, scorer: str) -> Tides:
        if scorer not in self._loaded:
            self._loaded[scorer] = lexiseg.load(
                self.method,
                preset="mini",
                device=self.device,
                dtype=self.dtype,
                scorer=scorer,
            )
        return self._loaded[scorer]

    @cached_property
    def _loaded(self) -> dict[str, Tides]:
        return {}
