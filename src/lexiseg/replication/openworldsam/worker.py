"""One process of an OpenWorldSAM replication: asks one scene in every way still missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.scene import WorldScene
from lexiseg.datasets.sample import IGNORE, PanopticSample, TrueObject
from lexiseg.evaluation.asking import ask, asking_present, present_classes
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks import panoptic
from lexiseg.evaluation.tasks.referring import answers, clean_sentence
from lexiseg.evaluation.tasks.semantic import answered_labels
from lexiseg.methods.openworldsam import OpenWorldSam
from lexiseg.metrics import confusion_matrix, count_presence, overlap, positive_counts
from lexiseg.replication.engine import BundledMethod
from lexiseg.replication.openworldsam.lessons import School
from lexiseg.replication.openworldsam.rows import Row
from lexiseg.replication.rows import RowTask
from lexiseg.types import EncodedImage, Mask, Method, Result, Vocabulary

SEED = 2027  # of the scenes; nothing was tuned on them
THINGS, NEIGHBORS = (1, 6), 0.2


@dataclass(frozen=True)
class SceneTask(RowTask[Row]):
    """What to do for one scene, and where the trained adapters lie."""

    school: Path = Path()


class OpenWorldSamWorker(BundledMethod[OpenWorldSam]):
    """OpenWorldSAM and those it is compared with on held-out Miniworld."""

    @cached_property
    def dataset(self) -> MiniworldSegments:
        """Held-out scenes."""
        world = Miniworld("test", size=SIDE, seed=SEED, things=THINGS, neighbors=NEIGHBORS)
        return MiniworldSegments(world, self.scenes)

    def configured(self, row: Row, school: Path) -> Method:
        """The method as a row asks it.

        Args:
            row: which one.
            school: folder of the trained adapters.
        """
        if row.method != self.method:
            rival: BundledMethod[Method] = BundledMethod(
                row.method, self.device, self.dtype, self.scenes
            )
            return self._rivals.setdefault(row.method, rival).load()
        stuff = {"stuff": tuple(sorted(self.dataset.classes.stuff))}
        if row.lesson is not None:
            lessons = School(school, self.load())
            key = f"{row.lesson.key} {row.blind}"
            if key not in self._taught:
                self._taught[key] = lessons.taught(row.lesson, blind=row.blind)
            return self._taught[key].configured(**row.options, **stuff)
        clip = {"presence": "clip"} if row.options.get("presence") == "clip" else {}
        return self.load(**clip).configured(**row.options, **stuff)

    @cached_property
    def _taught(self) -> dict[str, OpenWorldSam]:
        return {}

    @cached_property
    def _rivals(self) -> dict[str, BundledMethod[Method]]:
        return {}

    def run(self, task: RowTask[Row]) -> list[Record]:
        """A record for each row of a task."""
        assert isinstance(task, SceneTask)
        scene, sample = self.dataset.world[task.scene], self.dataset[task.scene]
        encoded: dict[object, EncodedImage] = {}
        records = []
        for row in task.rows:
            method = self.configured(row, task.school)
            key = _encoding(row)
            if key not in encoded:
                encoded[key] = method.encode(sample.image)
            if row.sentences:
                records.append(_refer(method, encoded[key], scene, sample.id))
            else:
                records.append(self._ask(row, method, encoded[key], sample))
        return records

    def _ask(self, row: Row, method: Method, scene: EncodedImage, sample: PanopticSample) -> Record:
        asked = self._question(row, sample)
        vocabulary = self.dataset.classes.vocabulary(asked.asked)
        result = ask(method, scene, vocabulary)
        if row.threshold is not None:
            result = _sure(method, scene, result, row.threshold)
        return judge(result, asked, self.dataset)

    def _question(self, row: Row, sample: PanopticSample) -> PanopticSample:
        if row.prompts == "oracle":
            return asking_present(sample, self.dataset.most_asked)
        if row.prompts == "global":
            return sample
        place = self.dataset.ids.index(sample.id)
        return replace(sample, asked=replace(self.dataset, half_absent=True)[place].asked)


def _encoding(row: Row) -> tuple[object, ...]:
    """What rows have in common that may ask the same encoded scene."""
    lesson = row.lesson and (row.lesson.encoder, row.lesson.thawed and row.lesson.key)
    return row.method, lesson, row.blind, row.options.get("presence") == "clip"


def _sure(method: Method, scene: EncodedImage, result: Result, least: float) -> Result:
    """The answer for those names alone whose best mask is expected to be good."""
    kept = tuple(name for name in result.names if result.presence[name].score >= least)
    return ask(method, scene, Vocabulary(kept, tuple((name,) for name in kept)))


def judge(result: Result, sample: PanopticSample, dataset: MiniworldSegments) -> Record:
    """Everything that the tables are made of.

    Returns:
        What `lexiseg.evaluation.tasks.panoptic.score_result` gives; ``cells`` of the confusion
        matrix; ``size`` and ``found`` objects as for single objects; ``positive`` of
        `lexiseg.metrics.positive_counts`; ``scores``: [whether the name is there, its score].
    """
    classes = dataset.classes
    present = set(present_classes(sample))
    asked = set(range(len(classes)) if sample.asked is None else sample.asked)
    kept = {classes.number[name] - 1 for name in result.presence.kept}
    truth = semantic_truth(sample)
    matrix = confusion_matrix(truth, answered_labels(result, classes), len(classes))
    rows, columns = np.nonzero(matrix)
    found = [
        (classes.number[item.label] - 1, float(item.score), item.mask) for item in result.instances
    ]
    return {
        **panoptic.score_result(result, sample, classes),
        "presence": list(count_presence(asked, present, kept).counts),
        "cells": np.stack([rows, columns, matrix[rows, columns]], axis=1).tolist(),
        "size": list(result.size_hw),
        "found": [
            [number, score, mask.to_coco()["counts"]]
            for number, score, mask in found
            if classes.names[number] not in classes.stuff
        ],
        "positive": positive_counts(found, objects(sample), asked).tolist(),
        "scores": [
            [classes.number[name] - 1 in present, round(result.presence[name].score, 6)]
            for name in result.names
        ],
    }


def semantic_truth(sample: PanopticSample) -> np.ndarray:
    """(H, W) uint16 labels of a sample's segments; what has none is not judged."""
    table = np.full(int(sample.ids.max(initial=0)) + 1, IGNORE, dtype=np.uint16)
    for item in sample.segments:
        table[item.id] = item.class_index + 1
    labels: np.ndarray = table[sample.ids]
    return labels


def objects(sample: PanopticSample) -> list[TrueObject]:
    """A sample's segments with their masks."""
    return [
        TrueObject(item.class_index, Mask.from_array(sample.ids == item.id), item.area)
        for item in sample.segments
    ]


def _refer(method: Method, encoded: EncodedImage, scene: WorldScene, name: str) -> Record:
    """Ask the first sentence about every object, as the paper does.

    Returns:
        ``overlap``: [intersection, union] in pixels of each.
    """
    first: dict[int, str] = {}
    for expression in scene.expressions:
        first.setdefault(expression.object_id, clean_sentence(expression.sentence))
    found = answers(method, encoded, list(first.values()))
    truth = {number: scene.instances == number for number in first}
    pairs = [list(overlap(truth[number], found[text])) for number, text in first.items()]
    return {"id": name, "overlap": pairs}
