"""One scene judged for some rows, with the bundled weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.analysis.oracles.helps import BASELINE, NAMES, SELECTION, WITH_BOTH
from lexiseg.datasets.miniworld.taxonomy import load_taxonomy
from lexiseg.metrics.panoptic import PanopticQuality
from lexiseg.replication.oracles.lessons import STEPS
from lexiseg.replication.oracles.rows import FC_CLIP, IN_DOMAIN, TABLE_1, TRAINED_AWAY, VALIDATION
from lexiseg.replication.oracles.worker import (
    BIASES,
    OVERLAPS,
    TRIED,
    OraclesWorker,
    SceneTask,
    classes_of,
    true_map,
)
from lexiseg.training.mini.openworldsam.measure import AnswerSegment


@pytest.fixture(scope="module")
def worker() -> OraclesWorker:
    return OraclesWorker("fc-clip", "cpu", "float32", 1)


def test_the_answer_is_the_methods_own(worker) -> None:
    [record] = worker.run(SceneTask(0, (FC_CLIP,), Path()))
    sample, method = worker.dataset[0], worker.configured(FC_CLIP, Path())
    answer = method.segment(sample.image, worker.dataset.classes.vocabulary()).panoptic
    number = worker.dataset.classes.number
    tally = PanopticQuality(len(worker.dataset.classes))
    found = [AnswerSegment(s.id, number[s.label] - 1) for s in answer.segments]
    tally.update(sample.ids, sample.segments, answer.ids, found)
    counted = np.zeros_like(tally.counts)
    for index, *row in record["runs"][BASELINE]:
        counted[int(index)] = row
    np.testing.assert_allclose(counted, tally.counts, atol=1e-9)
    assert {BASELINE, NAMES, SELECTION, WITH_BOTH} < set(record["runs"])
    assert len(record["runs"]) == 9 + 1 + len(BIASES) + len(OVERLAPS) * len(TRIED)


def test_true_masks_lose_names_alone(worker) -> None:
    row = next(row for row in TABLE_1 if row.encoder == "mini-convnext-clip")
    [record] = worker.run(SceneTask(0, (row,), Path()))
    truth = true_map(worker.dataset[0])
    named = record["runs"][NAMES]
    assert sum(count[2] for count in named) == len(truth.segments)
    assert all(count[1] == pytest.approx(count[2]) for count in named)


def test_scenes_and_classes_are_those_of_the_policies(worker) -> None:
    assert worker.scenes_of(VALIDATION).policy == "A" and worker.scenes_of(FC_CLIP).policy == "B"
    assert worker.validation.world.split == "val" and worker.dataset.world.split == "test"
    assert all(classes_of(worker.validation).seen)
    seen = classes_of(worker.dataset).seen
    names = worker.dataset.classes.names
    known = set(load_taxonomy("A").names)
    assert [n for n, s in zip(names, seen, strict=True) if s] == [n for n in names if n in known]


def test_the_ensemble_is_the_rows(worker, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(worker, "load", lambda **_: OraclesWorker.load(worker))
    away = worker.configured(TRAINED_AWAY[STEPS], tmp_path).config
    home = worker.configured(IN_DOMAIN[True][0], tmp_path).config
    alone = worker.configured(IN_DOMAIN[False][0], tmp_path).config
    assert (away.alpha, away.beta) == (0.4, 0.8)
    assert (home.alpha, home.beta) == (0.4, 0.4)  # policy B's names were all trained on
    assert (alone.alpha, alone.beta) == (0.0, 0.0)
    assert away.void_bias == 0
