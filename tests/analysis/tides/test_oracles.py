"""Table 3 in the painted world, where the answer of a perfect method is known."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from lexiseg.analysis.tides.oracles import ROWS, ask_image, study_oracles
from lexiseg.errors import DatasetError
from tests.analysis.tides.conftest import Boxes, build


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Classes that are compared with the background alone take each other's cells."""
    confused = build(foreground_rule="background")
    study = study_oracles(confused, Boxes(), tmp_path_factory.mktemp("oracles"))
    return study, {row.truth: row for row in study.rows}


def test_what_the_truth_is_worth(rows):
    study, by_truth = rows
    assert list(by_truth) == list(ROWS) and study.images == 3
    best, plain = by_truth["all"], by_truth["none"]
    assert best.class_iou == best.ap == best.ap50 == 1
    assert 0 < plain.ap < by_truth["true masks (C, D)"].ap <= 1
    assert 0 < plain.class_iou < by_truth["true semantics (A)"].class_iou == 1
    assert by_truth["true vocabulary (B)"].ap == plain.ap  # no name was missed or made up
    low, high = plain.ap_interval
    assert low <= plain.ap <= high


def test_files(rows, tmp_path):
    study, by_truth = rows
    assert [path.name for path in study.save(tmp_path)] == [
        "tides-oracles.csv",
        "tides-oracles.json",
    ]
    read = list(csv.DictReader(io.StringIO(study.to_csv())))
    assert [row["truth"] for row in read] == list(ROWS)
    assert float(read[0]["ap"]) == pytest.approx(by_truth["none"].ap, abs=1e-4)
    saved = json.loads((tmp_path / "tides-oracles.json").read_text())
    assert saved["protocol"]["settings"]["asked"] == "all classes in every image"
    assert "| all | 100.0 | 100.0 to 100.0 | 100.0 |" in study.to_markdown()


def test_an_image_is_encoded_once_and_its_answers_can_be_judged_by_others(tides, boxes):
    record = ask_image(tides, boxes()[1], boxes())
    encoded = tides.scorer.encoded
    ask_image(tides, boxes()[1], boxes())
    assert tides.scorer.encoded == 2 * encoded
    assert record["size"] == [192, 256]
    assert sorted(number for number, *_ in record["answers"]["all"]) == [0, 2]
    json.dumps(record)


def test_only_the_asked_classes_count(tides, boxes):
    record = ask_image(tides, replace(boxes()[1], asked=(2, 3)), boxes())
    assert {number for number, *_ in record["answers"]["all"]} == {2}


def test_an_annotation_of_another_size(tides, boxes):
    sample = boxes()[1]
    small = replace(sample, image=sample.image[:100])
    tides.segmenter.encode = lambda image: None
    with pytest.raises(DatasetError, match="not of the size"):
        ask_image(tides, small, boxes())
