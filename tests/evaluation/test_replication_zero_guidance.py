"""What the page of the zero-guidance replication says; heights are measured by its command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets.miniature_regions import MiniworldRegions, open_miniworld_regions
from lexiseg.datasets.sample import IGNORE
from lexiseg.evaluation.replication_zero_guidance_numbers import (
    Finding,
    gain,
    segments_right,
    shapes_found,
)
from lexiseg.evaluation.replication_zero_guidance_plot import PLOT, plot_thresholds
from lexiseg.evaluation.replication_zero_guidance_report import SETTINGS, THRESHOLDS, Report
from lexiseg.evaluation.replication_zero_guidance_worker import BASELINES, ROWS
from lexiseg.metrics.renamed_segments import Crossing


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
        "told": [[dog, thing], [grass, "grass"]],
    }  # fmt: skip


@pytest.fixture(scope="module")
def report(world: MiniworldRegions) -> Report:
    """All settings see a dog, crop and mask sees a cat; the third scene is doubtful."""
    records = {
        row: [
            record(world, k, "cat" if row.key == "crop" else "dog", 0.12 if k == 2 else 0.4)
            for k in range(3)
        ]
        for row in ROWS
    }
    terms = {
        "images": 3, "split": "test", "weights": {"dino": "toy"}, "versions": {"lexiseg": "0"},
        "settings": dict.fromkeys(SETTINGS, 1),
    }  # fmt: skip
    return Report("command", terms, records, world)


def test_shapes_are_found_whatever_they_are_called() -> None:
    crossing = Crossing(np.array([0, 1, 2, IGNORE]), np.array([[5, 30, 10, 99], [0, 20, 5, 0]]))
    assert shapes_found(crossing) == {1: 30 / (45 + 50 - 30) >= 0.5, 2: False}
    assert shapes_found(Crossing(np.array([1]), np.array([[3], [4]]))) == {1: True}


def test_segments_are_right_by_most_of_their_pixels() -> None:
    crossing = Crossing(np.array([1, 2]), np.array([[95, 5], [40, 60], [10, 0]]))
    assert segments_right(crossing, np.array([1, 1, 0])) == [
        (True, True), (False, False), (False, True),
    ]  # fmt: skip


def test_numbers_of_a_row(report: Report) -> None:
    full, crop = report.found["full"], report.found["crop"]
    assert full.value("things") == full.value("stuff") == 1.0
    assert crop.value("things") == 1.0 and crop.value("named_things") == 0.0
    assert full.value("named") == 1.0 and crop.value("named") == 0.5
    assert full.value("recall") == 1.0 and crop.value("recall") == 0.5
    assert full.value("iou") == pytest.approx((60 / 110 + 70 / 120) / 2)
    assert crop.value("iou") == pytest.approx((0 + 0 + 70 / 120) / 3)
    assert (full.invented_per_scene, crop.invented_per_scene) == (0.0, 1.0)
    assert gain(full, crop, "recall") == (50.0, 50.0, 50.0)


def test_page_says_what_was_measured(report: Report) -> None:
    page = report.to_markdown()
    assert "| full method | 56.4 (56.4 to 56.4) | 100.0 (100.0 to 100.0) |" in page
    assert "| crop and mask | +37.0 (+37.0 to +37.0) | full is better |" in page
    assert page.count("no clear difference") >= 4  # the other two rows are the same records
    assert "by the full method: reached" in page
    assert "![" not in page and "![ST IoU by threshold](x.png)" in report.to_markdown("x.png")


def test_doubtful_segments_lose_their_class(report: Report, tmp_path: Path) -> None:
    at = dict(zip(THRESHOLDS, report.sweep["full"], strict=True))
    assert at[0.0] == at[0.1] == pytest.approx(100 * report.found["full"].value("iou"))
    third = 100 * (0 + 70 / 120) / 2  # without its dog
    assert at[0.15] == pytest.approx((2 * at[0.1] + third) / 3)
    path = plot_thresholds(report, tmp_path)
    assert path.name == PLOT and path.stat().st_size > 1000


def test_settings_of_the_rows_are_those_of_the_paper() -> None:
    changes = {row.key: dict(row.options) for row in BASELINES}
    assert changes == {
        "crop": {"embedding": "crop"},
        "no-subtraction": {"sigma_squared": None},
        "no-merging": {"merge": False},
    }


def test_intervals_hold_their_values(report: Report) -> None:
    finding = Finding(report.records[ROWS[0]], report.dataset)
    low, high = finding.interval("iou")
    assert low <= finding.value("iou") <= high
