from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.errors import DatasetError, OutputError
from lexiseg.evaluation import evaluate
from lexiseg.metrics import ConfusionMatrix, confusion_matrix, mean_iou


def test_perfect_method_scores_one_and_files_are_complete(
    color_method: Any, painted: Any, tmp_path: Path
) -> None:
    outcome = evaluate(color_method(), painted(), out=tmp_path)
    scores = outcome.summary.scores
    assert scores["miou"] == scores["presence_mcc"] == 1.0
    assert outcome.summary.intervals["miou"] == (1.0, 1.0)
    stored = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert stored["protocol"]["images"] == 6
    assert stored["protocol"]["classes"] == ["dog", "cat", "tree"]
    assert stored["protocol"]["weights"] == {"eye": "sha256:0"}
    assert stored["per_class"][0]["name"] == "background"
    rows = (tmp_path / "per_class.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "class,prompt,iou,images,pixels"
    assert len(rows) == 1 + 4
    assert "| miou | 100.0 | 100.0 to 100.0 |" in (tmp_path / "report.md").read_text()


def test_scores_are_those_of_one_confusion_matrix(color_method: Any, painted: Any) -> None:
    method, dataset = color_method(blind=("cat",)), painted()
    matrix = ConfusionMatrix(3)
    for sample in dataset:
        answer = np.where(sample.truth == 2, 0, sample.truth)
        matrix.update(sample.truth, answer)
    for counted in (True, False):
        outcome = evaluate(method, replace(dataset, counts_background=counted))
        expected = matrix.compute(count_background=counted)
        assert outcome.summary.scores["miou"] == pytest.approx(expected)
    assert outcome.summary.scores["presence_recall"] == pytest.approx(0.5)
    ious = {row.name: row.iou for row in outcome.summary.classes}
    assert ious["tree"] is None  # the truth never shows it


def test_interval_contains_the_value_and_has_width(color_method: Any, painted: Any) -> None:
    class Noisy(color_method):
        def encode(self, image: np.ndarray) -> np.ndarray:
            scene = super().encode(image)
            noise = np.random.default_rng(int(image[0, 0, 1]) + 99).random(scene.shape)
            return np.where(noise < 0.1 * (1 + image[0, 0, 1]), 1, scene)

    outcome = evaluate(Noisy(), painted(count=30))
    low, high = outcome.summary.intervals["miou"]
    assert low < outcome.summary.scores["miou"] < high


def test_interrupted_run_resumes_and_gives_the_same_numbers(
    color_method: Any, painted: Any, tmp_path: Path
) -> None:
    class Interrupted(color_method):
        def encode(self, image: np.ndarray) -> np.ndarray:
            if image[0, 0, 1] == 4:
                raise KeyboardInterrupt
            return super().encode(image)

    with pytest.raises(KeyboardInterrupt):
        evaluate(Interrupted(blind=("cat",)), painted(), out=tmp_path)
    with (tmp_path / "records.jsonl").open("a") as stream:
        stream.write('{"id": "image-4", "cells": [[0, ')  # the crash came while writing
    method = color_method(blind=("cat",))
    resumed = evaluate(method, painted(), out=tmp_path)
    assert len(method.asked) == 2  # the images that were missing; the recipe asks nothing
    fresh = evaluate(color_method(blind=("cat",)), painted())
    assert resumed.summary == fresh.summary


def test_larger_limit_adds_images(color_method: Any, painted: Any, tmp_path: Path) -> None:
    assert evaluate(color_method(), painted(), out=tmp_path, limit=2).protocol.images == 2
    assert evaluate(color_method(), painted(), out=tmp_path, limit=99).protocol.images == 6


def test_bad_image_is_reported_and_the_rest_is_judged(
    color_method: Any, painted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = evaluate(color_method(broken=(2,)), painted(), out=tmp_path)
    assert outcome.failures == {"image-2": "this picture is broken"}
    assert outcome.protocol.images == 5
    captured = capsys.readouterr()
    assert "image-2: this picture is broken" in captured.err
    assert captured.out == ""
    assert evaluate(color_method(), painted(), out=tmp_path).protocol.images == 6


def test_nothing_judged_is_an_error_with_the_reason(color_method: Any, painted: Any) -> None:
    with pytest.raises(DatasetError, match="broken"):
        evaluate(color_method(broken=tuple(range(6))), painted(), quiet=True)


def test_records_of_another_protocol_are_not_mixed(
    color_method: Any, painted: Any, tmp_path: Path
) -> None:
    evaluate(color_method(), painted(), out=tmp_path, limit=1)
    with pytest.raises(OutputError, match="settings"):
        evaluate(color_method(blind=("dog",)), painted(), out=tmp_path)
    with pytest.raises(OutputError, match="background"):
        evaluate(color_method(), painted(counts_background=False), out=tmp_path)


def test_unwritable_folder_is_one_sentence(color_method: Any, painted: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="--out"):
        evaluate(color_method(), painted(), out=tmp_path / "file")


def test_split_into_things_and_stuff_reaches_the_method(color_method: Any, painted: Any) -> None:
    outcome = evaluate(color_method(), painted(stuff=frozenset({"tree"})))
    assert outcome.protocol.settings["stuff"] == ["tree"]
    plain = color_method(takes_stuff=False)  # as TIDES
    outcome = evaluate(plain, painted(stuff=frozenset({"tree"})))
    assert outcome.protocol.settings["stuff"] == []


def test_confusion_matrix_of_the_records_is_whole(
    color_method: Any, painted: Any, tmp_path: Path
) -> None:
    evaluate(color_method(blind=("dog",)), painted(), out=tmp_path)
    lines = (tmp_path / "records.jsonl").read_text().splitlines()
    total = np.zeros((4, 4), dtype=np.int64)
    for line in lines[1:]:
        for true, answered, pixels in json.loads(line)["cells"]:
            total[true, answered] += pixels
    expected = sum(
        confusion_matrix(s.truth, np.where(s.truth == 1, 0, s.truth), 3) for s in painted()
    )
    assert np.array_equal(total, expected)
    assert mean_iou(total, count_background=True) < 1
