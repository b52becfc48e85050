"""One process of a TIDES replication: asks one scene in every way that is still missing.

A scene is drawn once and seen once by each scorer; what the segmenter is prompted with for one
scorer serves all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property

from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniature_instances import MiniworldObjects
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.sample import InstanceSample
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks import instances
from lexiseg.methods.tides import Tides
from lexiseg.methods.tides.oracles import Truth, with_truth
from lexiseg.methods.tides.scene import Scene
from lexiseg.replication.engine import BundledMethod
from lexiseg.replication.rows import RowTask
from lexiseg.replication.tides.rows import PAPER_STEP_D, Row

SEED = 2025  # of the scenes; nothing was tuned on them
THINGS = (1, 8)
NEIGHBORS = 0.4


Task = RowTask[Row]


class TidesWorker(BundledMethod[Tides]):
    """TIDES on held-out Miniworld, with every scorer."""

    @cached_property
    def dataset(self) -> MiniworldObjects:
        """Held-out scenes with crowds and neighbors of one kind; half of the names are absent."""
        world = Miniworld("test", size=SIDE, seed=SEED, things=THINGS, neighbors=NEIGHBORS)
        return MiniworldObjects(world, self.scenes, half_absent=True)

    def configured(self, row: Row) -> Tides:
        """The method as a row asks it, without the truth."""
        method = self.load(scorer=row.scorer)
        step_d = PAPER_STEP_D if row.step_d == "paper" else {}
        options = {**method.measured, **step_d, **dict(row.options)}
        return method.configured(ranking=row.ranking, **options)

    def run(self, task: Task) -> list[Record]:
        """A record for each row of a task."""
        sample = self.dataset[task.scene]
        scenes = self._encoded(sample, {row.scorer for row in task.rows})
        return [self._ask(row, scenes[row.scorer], sample) for row in task.rows]

    def _encoded(self, sample: InstanceSample, scorers: Collection[str]) -> Mapping[str, Scene]:
        """The scene as each scorer sees it, with one memory of the segmenter's answers."""
        scenes: dict[str, Scene] = {}
        for scorer in sorted(scorers):
            scene = self.load(scorer=scorer).encode(sample.image)
            first = next(iter(scenes.values()), scene)
            if scene.canvas == first.canvas:
                scene = replace(scene, masks=first.masks, embedding=first.embedding)
            scenes[scorer] = scene
        return scenes

    def _ask(self, row: Row, scene: Scene, sample: InstanceSample) -> Record:
        method = self.configured(row)
        if row.truth:
            truth = Truth(sample.objects, self.dataset.classes.names)
            method = with_truth(method, truth, row.truth)
        return instances.score_scene(method, scene, sample, self.dataset)
