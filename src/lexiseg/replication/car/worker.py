"""One process of a replication: asks one scene under many settings.

A scene is drawn once, encoded once per CAM tower, and then asked under every setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lexiseg.datasets.miniature import SIDE, DrawnScenes, MiniworldScenes
from lexiseg.datasets.miniature_referring import MiniworldSentences
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks import referring, semantic
from lexiseg.methods.car import CaR
from lexiseg.methods.car.scene import Scene
from lexiseg.replication.engine import BundledMethod

SEED = 2024  # of the scenes; nothing was tuned on them
Changes = Mapping[str, object]


@dataclass(frozen=True)
class Task:
    """What to do for one scene: settings to ask names under, kinds of sentences to ask."""

    scene: int
    settings: tuple[Changes, ...] = ()
    kinds: tuple[str, ...] = ()


class CarWorker(BundledMethod[CaR]):
    """A method on held-out Miniworld, in as many settings as wanted, with shared weights."""

    @cached_property
    def world(self) -> Miniworld:
        """The held-out world."""
        return Miniworld(split="test", size=SIDE, seed=SEED)

    @cached_property
    def dataset(self) -> MiniworldScenes:
        """Its scenes with names to ask for."""
        return MiniworldScenes(DrawnScenes(self.world, self.scenes))

    def sentences(self, kind: str) -> MiniworldSentences:
        """Its scenes with sentences of one kind."""
        return MiniworldSentences(self.world, self.scenes, kind)

    @property
    def base(self) -> CaR:
        """The method as bundled."""
        return self.load()

    def configured(self, changes: Changes) -> CaR:
        """The method in another setting, on other weights if the setting says so."""
        weights = _weights(changes)
        rest = {key: value for key, value in changes.items() if key not in weights}
        return self.load(**weights).configured(**rest)

    def run(self, task: Task) -> tuple[list[Record], list[Record]]:
        """Records of the settings and of the kinds of sentences of a task, in its order."""
        sentences = [self.sentences(kind) for kind in task.kinds]
        of_sentences = [referring.score_image(self.base, s[task.scene], s) for s in sentences]
        return self._of_settings(task), of_sentences

    def _of_settings(self, task: Task) -> list[Record]:
        if not task.settings:
            return []
        sample = self.dataset[task.scene]
        scenes: dict[tuple[str, int], Scene] = {}
        records = []
        for changes in task.settings:
            method = self.configured(changes)
            seen = (str(changes.get("proposal_weights")), method.config.attention_blocks)
            if seen not in scenes:
                scenes[seen] = method.encode(sample.image)
            scene = scenes[seen]
            records.append(semantic.score_scene(method, scene, sample, self.dataset.classes))
        return records


def _weights(changes: Changes) -> dict[str, object]:
    return {key: value for key, value in changes.items() if key.endswith("_weights")}


def split_tasks(
    scenes: int, settings: Sequence[tuple[Changes, set[int]]], kinds: Mapping[str, set[int]]
) -> list[Task]:
    """One task per scene that something is missing for.

    Args:
        scenes: number of scenes.
        settings: every setting and the scenes it is missing for.
        kinds: kind of sentence -> the scenes it is missing for.
    """
    tasks = [
        Task(
            scene,
            tuple(changes for changes, missing in settings if scene in missing),
            tuple(kind for kind, missing in kinds.items() if scene in missing),
        )
        for scene in range(scenes)
    ]
    return [task for task in tasks if task.settings or task.kinds]
