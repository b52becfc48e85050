"""What the page of the zero-guidance replication says; heights are measured by its command."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lexiseg.datasets.miniature_regions import MiniworldRegions, open_miniworld_regions
from lexiseg.datasets.sample import IGNORE
from lexiseg.evaluation.protocol import protocol_of
from lexiseg.evaluation.tasks.self_named.meaning import by_meaning
from lexiseg.evaluation.tasks.self_named.thresholds import CLIP_SWEEP, TEXT_SWEEP
from lexiseg.io.output_folder import output_folder
from lexiseg.metrics.renamed_segments import Crossing
from lexiseg.replication.rows import RowRecords, RowTask
from lexiseg.replication.zero_guidance.numbers import (
    Finding,
    gain,
    segments_right,
    shapes_found,
)
from lexiseg.replication.zero_guidance.records import ZeroGuidanceRecords, to_markdown
from lexiseg.replication.zero_guidance.report import SETTINGS, ReplicationReport
from lexiseg.replication.zero_guidance.worker import (
    BASELINES,
    FULL,
    ROWS,
    ZEROCAP,
    ZeroGuidanceWorker,
)
from lexiseg.types import Recipe


@pytest.fixture(scope="module")
def world() -> MiniworldRegions:
    return open_miniworld_regions(scenes=3)


def record(world: MiniworldRegions, scene: int, thing: str, cosine: float) -> dict[str, Any]:
    """A dog on grass, of which one segment is called `thing` and the other is right."""
    number = world.classes.number
    dog, grass = number["dog"], number["grass"]
    return {
        "id": world.ids[scene], "said": [thing, "grass"],
        "cells": [[0, dog, 60], [0, grass, 30], [1, grass, 70], [1, dog, 20], [1, IGNORE, 500]],
        "st": [[number[thing], cosine], [grass, 0.9]],
        "told": [[dog, thing], [grass, "grass"]], "subtraction": [0.25, 0.5],
    }  # fmt: skip


class Letters:
    """Texts mean the same as far as they share letters."""

    def embed(self, texts: Any) -> torch.Tensor:
        counts = [[float(text.count(letter)) for letter in map(chr, range(97, 123))]
                  for text in texts]  # fmt: skip
        return torch.nn.functional.normalize(torch.tensor(counts), dim=-1)


@pytest.fixture(scope="module")
def report(world: MiniworldRegions) -> ReplicationReport:
    """All settings see a dog, crop and mask sees a cat; the third scene is doubtful."""
    records = {
        row: by_meaning(
            [
                record(world, k, "cat" if row.key == "crop" else "dog", 0.12 if k == 2 else 0.4)
                for k in range(row.scenes_of(3))
            ],
            world.classes,
            Letters(),
        )
        for row in (*ROWS, ZEROCAP)
    }
    spoken = records[ZEROCAP][0]  # ZeroCap's word for the dog is not quite its name
    spoken["tt"] = [(spoken["tt"][0][0], 0.65), *spoken["tt"][1:]]
    recipe = Recipe("zero-guidance", "mini", dict.fromkeys(SETTINGS, 1), {"dino": "toy"})
    protocol = protocol_of(world, recipe, seed=0, images=3)
    return ReplicationReport("command", protocol, records, world)


def test_shapes_are_found_whatever_they_are_called() -> None:
    crossing = Crossing(np.array([0, 1, 2, IGNORE]), np.array([[5, 30, 10, 99], [0, 20, 5, 0]]))
    assert shapes_found(crossing) == {1: 30 / (45 + 50 - 30) >= 0.5, 2: False}
    assert shapes_found(Crossing(np.array([1]), np.array([[3], [4]]))) == {1: True}


def test_segments_are_right_by_most_of_their_pixels() -> None:
    crossing = Crossing(np.array([1, 2]), np.array([[95, 5], [40, 60], [10, 0]]))
    assert segments_right(crossing, np.array([1, 1, 0])) == [
        (True, True), (False, False), (False, True),
    ]  # fmt: skip


def test_numbers_of_a_row(report: ReplicationReport) -> None:
    full, crop = report.found["full"], report.found["crop"]
    assert full.value("things") == full.value("stuff") == 1.0
    assert crop.value("things") == 1.0 and crop.value("named_things") == 0.0
    assert full.value("named") == 1.0 and crop.value("named") == 0.5
    assert full.value("recall") == 1.0 and crop.value("recall") == 0.5
    assert full.value("iou") == pytest.approx((60 / 110 + 70 / 120) / 2)
    assert crop.value("iou") == pytest.approx((0 + 0 + 70 / 120) / 3)
    assert (full.invented_per_scene, crop.invented_per_scene) == (0.0, 1.0)
    assert gain(full, crop, "recall") == (50.0, 50.0, 50.0)


def test_labels_that_mean_their_class(report: ReplicationReport) -> None:
    full, crop = report.found["full"], report.found["crop"]
    assert full.value("quality") == full.value("tt_recall") == 1.0
    assert full.value("tt_iou") == full.value("iou")
    cosine = float(np.prod(Letters().embed(["cat", "dog"]).numpy(), axis=0).sum())
    assert crop.value("quality") == (1.0 if cosine > 0.5 else 0.5)


def test_page_says_what_was_measured(report: ReplicationReport) -> None:
    page = report.to_markdown()
    whole = "100.0 (100.0 to 100.0)"
    full = f"| full method | 0.375 | 56.4 (56.4 to 56.4) | {whole} | {whole} |"
    assert full in page
    assert "| crop and mask | +37.0 (+37.0 to +37.0) | full is better |" in page
    assert page.count("no clear difference") >= 8  # the other four rows are the same records
    assert "| full, sigma^2 = 2.5 as published | 0.375 |" in page
    assert "lose more than 0.375 of the global attention" in page
    assert "by the full method: reached" in page
    assert "| ZeroCap | 1 | 56.4 (56.4 to 56.4) |" in page and "first 1 scenes" in page
    assert "| 16.4 | 11.8 |  |" in page  # text quality without merging was not published
    assert "![" not in page and "![IoU by threshold](x.png)" in report.to_markdown("x.png")


def test_doubtful_segments_lose_their_class(report: ReplicationReport, tmp_path: Path) -> None:
    seen = report.words.sweeps[CLIP_SWEEP]["full method"]
    at = dict(zip(CLIP_SWEEP.thresholds, seen, strict=True))
    assert at[0.0] == at[0.1] == pytest.approx(100 * report.found["full"].value("iou"))
    third = 100 * (0 + 70 / 120) / 2  # without its dog
    assert at[0.15] == pytest.approx((2 * at[0.1] + third) / 3)
    said = report.words.sweeps[TEXT_SWEEP]
    at = dict(zip(TEXT_SWEEP.thresholds, said[ZEROCAP.label], strict=True))
    assert at[0.6] == pytest.approx(said[FULL.label][6]) and at[0.7] == pytest.approx(third)
    assert "(replication-zero-guidance-threshold.png)" in to_markdown(
        report, output_folder(tmp_path)
    )
    assert (tmp_path / "replication-zero-guidance-threshold.png").stat().st_size > 1000


def test_published_curves_are_as_long_as_ours(report: ReplicationReport) -> None:
    for sweep, curves in report.words.sweeps.items():
        assert {len(curve) for curve in curves.values()} == {len(sweep.thresholds)}
        assert {"paper, PC-59", "paper, PAS-20"} < set(curves)


def test_the_slow_decoder_is_asked_about_the_first_scenes_only() -> None:
    assert [ZEROCAP.scenes_of(scenes) for scenes in (1, 25, 26, 200)] == [1, 1, 2, 8]
    names = [f"scene-{k}" for k in range(30)]
    files: Any = {
        row: SimpleNamespace(records={"scene-0": {}} if row is FULL else {})
        for row in (FULL, ZEROCAP)
    }
    store = ZeroGuidanceRecords.__new__(ZeroGuidanceRecords)
    RowRecords.__init__(store, files, names)
    tasks = store.tasks()
    assert [task.rows for task in tasks[:3]] == [(ZEROCAP,), (FULL, ZEROCAP), (FULL,)]
    assert len(tasks) == 30


def test_settings_that_the_page_names_are_settings() -> None:
    worker = ZeroGuidanceWorker("zero-guidance", "cpu", "float32", 1)
    assert set(SETTINGS) <= set(worker.configured(FULL).recipe().settings)


def test_every_row_tells_how_much_it_subtracts() -> None:
    worker = ZeroGuidanceWorker("zero-guidance", "cpu", "float32", 1)
    crop, none, *_, published, _, full = worker.run(RowTask(0, ROWS))
    assert crop["subtraction"] == [] and set(none["subtraction"]) == {0.0}
    least = float(np.exp(-4 / 5))  # of the paper's formula, where the mask leaves everything
    assert min(published["subtraction"]) >= round(least, 4) - 1e-4
    assert max(full["subtraction"]) < least


def test_settings_of_the_rows_are_those_of_the_paper() -> None:
    changes = {row.key: dict(row.options) for row in BASELINES}
    assert changes == {
        "crop": {"embedding": "crop"},
        "no-subtraction": {"sigma_squared": None},
        "no-merging": {"merge": False},
    }


def test_intervals_hold_their_values(report: ReplicationReport) -> None:
    finding = Finding(report.records[ROWS[0]], report.dataset)
    low, high = finding.interval("iou")
    assert low <= finding.value("iou") <= high
