"""One process of the replication of the oracles: judges one scene for every row still missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.analysis.oracles.case import Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.inference import Inference, Thresholds
from lexiseg.analysis.oracles.inputs.networks import candidates_of_scene
from lexiseg.analysis.oracles.judging import Judge
from lexiseg.analysis.oracles.measures import PanopticMeasure
from lexiseg.analysis.oracles.perfect_masks import (
    PictureSize,
    RegionEncoder,
    class_texts,
    load_encoder,
    with_seen_names,
)
from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.taxonomy import load_taxonomy
from lexiseg.datasets.sample import PanopticSample
from lexiseg.evaluation.records import Record
from lexiseg.methods.mask_proposals import FcClip, MaftPlus, MaftPlusConfig
from lexiseg.replication.engine import BundledMethod
from lexiseg.replication.oracles.lessons import School
from lexiseg.replication.oracles.rows import Row
from lexiseg.replication.rows import RowTask

SEED = 2029  # of the scenes of both splits; nothing was tuned on those of the test
THINGS, NOVEL = (2, 6), 0.2
OVERLAP = 0.8  # of FC-CLIP, before another was chosen
OVERLAPS = (0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
TRIED = (0.0, -0.5, -1.0, -1.5, -2.0, -3.0)  # biases under each of these
BALANCE = "void {:+g}, overlap {:g}"
BIASES = (-8.0, -6.0, -5.0, -4.0, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.5, 1.0)


@dataclass(frozen=True)
class SceneTask(RowTask[Row]):
    """What to do for one scene, and where the trained decoders lie."""

    school: Path = Path()


class OraclesWorker(BundledMethod[FcClip]):
    """FC-CLIP and encoders of true masks on held-out Miniworld."""

    @cached_property
    def dataset(self) -> MiniworldSegments:
        """Scenes of the test under policy B; a fifth of the objects has no name in policy A."""
        world = Miniworld("test", SIDE, SEED, THINGS, NOVEL)
        return MiniworldSegments(world, self.scenes, policy="B")

    @cached_property
    def validation(self) -> MiniworldSegments:
        """Scenes of validation under policy A, on which the balance of "no object" is chosen."""
        return MiniworldSegments(Miniworld("val", SIDE, SEED, THINGS), self.scenes)

    def scenes_of(self, row: Row) -> MiniworldSegments:
        """The scenes that a row is asked about."""
        return self.validation if row.validation else self.dataset

    def configured(self, row: Row, school: Path) -> FcClip | MaftPlus:
        """A system as a row asks it, before its balance of "no object" was chosen.

        Args:
            row: which one.
            school: folder of the trained decoders.
        """
        if row.method == "maft-plus":
            return self._maft_plus
        lesson = row.lesson
        weights = {} if lesson is None else {"weights": str(School(school).weights(lesson))}
        method = self.load(**weights)
        config = method.config
        beta = config.alpha if lesson and lesson.policy == "B" else config.beta
        shares = {"alpha": config.alpha, "beta": beta} if row.ensemble else _NO_ENSEMBLE
        own = {"void_bias": 0.0, "min_overlap": OVERLAP, "stuff": self._stuff}
        return method.configured(**shares, **own)

    @cached_property
    def _maft_plus(self) -> MaftPlus:
        """MAFT+ with its published thresholds."""
        usual = MaftPlusConfig()
        method: BundledMethod[MaftPlus] = BundledMethod(
            "maft-plus", self.device, self.dtype, self.scenes
        )
        return method.load(
            void_bias=0.0, min_score=usual.min_score, min_overlap=usual.min_overlap
        ).configured(stuff=self._stuff)

    @property
    def _stuff(self) -> tuple[str, ...]:
        """Of both policies."""
        return tuple(sorted(self.dataset.classes.stuff | self.validation.classes.stuff))

    def run(self, task: RowTask[Row]) -> list[Record]:
        """A record for each row of a task."""
        assert isinstance(task, SceneTask)
        samples = {row.validation: self.scenes_of(row)[task.scene] for row in task.rows}
        return [self._judge(row, samples[row.validation], task.school) for row in task.rows]

    def _judge(self, row: Row, sample: PanopticSample, school: Path) -> Record:
        classes = classes_of(self.scenes_of(row))
        method = None if row.encoder else self.configured(row, school)
        config = OracleConfig(biases=BIASES)
        if method is not None:
            own = method.config
            config = replace(config, object_mask=own.min_score, overlap=own.min_overlap)
        infer = Inference(classes.things, config.thresholds, config.thresholds_without_void)
        truth = true_map(sample)
        if row.encoder is not None:
            case = Case(sample.id, truth, self._named(row, sample, truth, classes))
        else:
            assert method is not None
            vocabulary = self.scenes_of(row).classes.vocabulary()
            found = candidates_of_scene(method, method.encode(sample.image), vocabulary)
            answer = infer(found, truth.size_hw)
            case = Case(sample.id, truth, answer, found if row.oracles else None)
        measure = PanopticMeasure()
        record = {"id": sample.id, **Judge(classes, config, measure, infer)(case)}
        if row.balances:
            record["runs"] |= dict(measure.runs(case, partial(_balances, things=classes.things)))
        return record

    def _named(
        self, row: Row, sample: PanopticSample, truth: CaseMap, classes: CaseClasses
    ) -> CaseMap:
        """The true masks with an encoder's names."""
        assert row.encoder is not None
        if row.encoder not in self._encoders:
            encoder = load_encoder(row.encoder, self.device, self.dtype)
            self._encoders[row.encoder] = encoder, class_texts(encoder, classes)
        encoder, texts = self._encoders[row.encoder]
        image, size = np.asarray(sample.image), PictureSize(row.side)
        case = Case(sample.id, truth, truth)
        return with_seen_names(case, image, encoder, texts, size, classes.things)[0]

    @cached_property
    def _encoders(self) -> dict[str, tuple[RegionEncoder, tuple[Tensor, np.ndarray]]]:
        return {}


_NO_ENSEMBLE = {"alpha": 0.0, "beta": 0.0}


def _balances(case: Case, things: NDArray[np.bool_]) -> Iterator[tuple[str, CaseMap]]:
    """What other balances of "no object" and other thresholds on overlap make of candidates."""
    if case.candidates is None:
        return
    for overlap in OVERLAPS:
        thresholds = Thresholds(overlap=overlap)
        infer = Inference(things, thresholds, thresholds)
        for bias in TRIED:
            shifted = case.candidates.with_void_bias(bias)
            yield BALANCE.format(bias, overlap), infer(shifted, case.truth.size_hw)


def classes_of(dataset: MiniworldSegments) -> CaseClasses:
    """The classes of scenes; seen are those whose name is one of policy A, letter by letter."""
    names, stuff = dataset.classes.names, dataset.classes.stuff
    things = tuple(name not in stuff for name in names)
    classes = CaseClasses(
        names, tuple(range(1, len(names) + 1)), things, tuple((name,) for name in names)
    )
    return classes.trained_on(load_taxonomy("A").names)


def true_map(sample: PanopticSample) -> CaseMap:
    """The truth of a scene."""
    segments = (CaseSegment(item.id, item.class_index, item.area) for item in sample.segments)
    return CaseMap(sample.ids.astype(np.int64), tuple(segments))
