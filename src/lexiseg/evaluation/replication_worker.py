"""One process of a replication: asks one scene under many settings.

A scene is drawn once, encoded once per CAM tower, and then asked under every setting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import torch

import lexiseg
from lexiseg.datasets.miniature import SIDE, DrawnScenes, MiniworldScenes
from lexiseg.datasets.miniature_referring import MiniworldSentences
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.evaluation import referring, semantic
from lexiseg.evaluation.records import Record

SEED = 2024  # of the scenes; nothing was tuned on them
Changes = Mapping[str, Any]
TaskT = TypeVar("TaskT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)


class Answers(Protocol[TaskT, AnswerT]):
    """Whatever works off the tasks of a replication, here or in another process."""

    def run(self, task: TaskT, /) -> AnswerT:
        """Records of a task."""
        ...

    def fresh(self) -> Answers[TaskT, AnswerT]:
        """The same without anything loaded, to be sent to another process."""
        ...


@dataclass(frozen=True)
class Task:
    """What to do for one scene: settings to ask names under, kinds of sentences to ask."""

    scene: int
    settings: tuple[Changes, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replicant:
    """A method on held-out Miniworld, in as many settings as wanted, with shared weights.

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
    def world(self) -> Miniworld:
        """The held-out world."""
        return Miniworld(split="test", size=SIDE, seed=SEED)

    @cached_property
    def dataset(self) -> MiniworldScenes:
        """Its scenes with names to ask for."""
        return MiniworldScenes(DrawnScenes(self.world, self.scenes))

    def fresh(self) -> Replicant:
        """The same without anything loaded, to be sent to another process."""
        return Replicant(self.method, self.device, self.dtype, self.scenes)

    def sentences(self, kind: str) -> MiniworldSentences:
        """Its scenes with sentences of one kind."""
        return MiniworldSentences(self.world, self.scenes, kind)

    @cached_property
    def base(self) -> Any:
        """The method as bundled."""
        return self._load({})

    def configured(self, changes: Changes) -> Any:
        """The method in another setting, on other weights if the setting says so."""
        weights = _weights(changes)
        rest = {key: value for key, value in changes.items() if key not in weights}
        return self._load(weights).configured(**rest)

    def run(self, task: Task) -> tuple[list[Record], list[Record]]:
        """Records of the settings and of the kinds of sentences of a task, in its order."""
        sentences = [self.sentences(kind) for kind in task.kinds]
        told = [referring.score_image(self.base, s[task.scene], s) for s in sentences]
        return self._ask(task), told

    def _ask(self, task: Task) -> list[Record]:
        if not task.settings:
            return []
        sample = self.dataset[task.scene]
        scenes: dict[str, Any] = {}
        records = []
        for changes in task.settings:
            method, tower = self.configured(changes), str(changes.get("proposal_weights"))
            if tower not in scenes:
                scenes[tower] = method.encode(sample.image)
            scene = scenes[tower]
            records.append(semantic.score_scene(method, scene, sample, self.dataset.classes))
        return records

    def _load(self, weights: Changes) -> Any:
        key = json.dumps(dict(weights), sort_keys=True)
        if key not in self._loaded:
            self._loaded[key] = lexiseg.load(
                self.method, preset="mini", device=self.device, dtype=self.dtype, **weights
            )
        return self._loaded[key]

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        return {}


def _weights(changes: Changes) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if key.endswith("_weights")}


_own: list[Answers[Any, Any]] = []  # of a worker process: filled once, when it starts


def start_worker(replicant: Answers[Any, Any]) -> None:
    """Prepare a process of a pool; the pool is what runs in parallel, not its parts."""
    torch.set_num_threads(1)
    _own[:] = [replicant]


def run_in_worker(task: Any) -> Any:
    """`Answers.run` of this process."""
    return _own[0].run(task)


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
