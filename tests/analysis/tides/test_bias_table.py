"""Selections and shares on records written by hand."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from lexiseg.analysis.tides.bias_table import EVERYTHING, choices, tabulate, to_csv, to_markdown

NAMES = ("apple", "car")
# Two points of three candidates each. The first point's best score is a part.
APPLE = {
    "class": 0,
    "iou": [[0.3, 0.9, 0.4], [0.8, 0.2, 0.1]],
    "inside": [[1.0, 0.95, 0.4], [0.9, 0.2, 1.0]],
    "score": [[0.9, 0.8, 0.7], [0.9, 0.8, 0.95]],
    "io": [[0.5, 0.7, 0.1], [0.6, 0.6, 0.2]],
}
CAR = {**APPLE, "class": 1, "io": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.1]]}
RECORDS = [
    {"id": "a", "objects": [APPLE]},
    {"id": "b", "objects": []},
    {"id": "c", "objects": [CAR]},
]
GROUPS = {"uniform": ["apple", "no such thing"], "non-uniform": ["car"], "empty": []}


def row(rows, group, unit, selection):
    return next(
        one for one in rows if (one.group, one.unit, one.selection) == (group, unit, selection)
    )


@pytest.fixture(scope="module")
def rows():
    return tabulate(RECORDS, NAMES, GROUPS)[1]


@pytest.mark.parametrize(
    ("unit", "selection", "expected"),
    [
        ("prompt", "All", [0.3, 0.9, 0.4, 0.8, 0.2, 0.1]),
        ("prompt", "Best Score", [0.3, 0.1]),
        ("prompt", "Best IO", [0.9, 0.8]),  # 0.6 twice: the segmenter's score decides
        ("prompt", "Best IoU", [0.9, 0.8]),
        ("instance", "Best Score", [0.1]),
        ("instance", "Best IO", [0.9]),
        ("prompt", "Best Score of proposals", [0.3, 0.1]),
        ("instance", "Best IoU", [0.9]),
    ],
)
def test_what_is_selected(unit, selection, expected):
    selected, _ = tabulate(RECORDS, NAMES, GROUPS)
    apple = selected[unit][selection].of_classes([0])
    assert apple.iou.tolist() == expected and set(apple.image) == {0}


def test_shares(rows):
    apple = row(rows, "uniform", "prompt", "All")
    assert (apple.masks, apple.good) == (6, pytest.approx(2 / 6))
    assert apple.part == pytest.approx(2 / 6) and apple.beyond == pytest.approx(2 / 6)
    assert apple.hopeless == 0 and apple.gain == pytest.approx(1 / 3)
    assert apple.mean_iou == pytest.approx(np.mean(APPLE["iou"]))
    assert row(rows, EVERYTHING, "instance", "All").masks == 12


@pytest.mark.parametrize("selection", ["Best IO", "Best Score of proposals"])
def test_what_is_no_proposal_is_not_taken(rows, selection):
    """The car has one proposal, at its second point: an IoU of 0.1."""
    for unit in ("prompt", "instance"):
        car = row(rows, "non-uniform", unit, selection)
        assert (car.masks, car.good, car.mean_iou, car.hopeless) == (1, 0, 0.1, 1)
    assert row(rows, "non-uniform", "prompt", "Best Score").masks == 2


def test_io_is_measured_against_the_score_of_the_same_candidates(rows):
    io_row, score = (
        row(rows, "uniform", "prompt", name) for name in ("Best IO", "Best Score of proposals")
    )
    assert io_row.gain == io_row.good - score.good == 1
    table = to_markdown(rows)
    assert "| uniform | prompt | Best Score of proposals | 2 | 0.0 | 0.0 to 0.0 |  |" in table


def test_what_no_selection_can_save_is_told_apart():
    weak = {**APPLE, "iou": [[0.3, 0.9, 0.4], [0.4, 0.2, 0.1]]}
    _, found = tabulate([{"id": "a", "objects": [weak]}], NAMES, {})
    every, best = (row(found, EVERYTHING, "prompt", name) for name in ("All", "Best Score"))
    assert every.hopeless == best.hopeless == 1 / 2
    assert best.part == 1 / 2 and best.good == best.beyond == best.gain == 0
    assert every.good + every.part + every.beyond + every.hopeless == pytest.approx(1)


def test_gain_is_over_the_same_images():
    """Whatever images are drawn, both selections see the same ones."""
    lost = {name: APPLE[name] if name == "class" else APPLE[name][:1] for name in APPLE}
    lost["iou"] = [[0.3, 0.4, 0.4]]
    won = {**lost, "iou": [[0.9, 0.9, 0.4]]}
    records = [{"id": str(k), "objects": [won if k % 2 else lost]} for k in range(20)]
    io_row = row(tabulate(records, NAMES, {})[1], EVERYTHING, "prompt", "Best IO")
    assert io_row.good_low < io_row.good_high
    assert (io_row.gain, io_row.gain_low, io_row.gain_high) == (0, 0, 0)


def test_interval_holds_the_share_and_ends_at_the_groups(rows):
    every = row(rows, EVERYTHING, "prompt", "Best IO")
    assert every.good_low <= every.good <= every.good_high and every.good_low < every.good_high
    assert not any(one.group == "empty" for one in rows)
    assert len(rows) == 3 * 2 * 5


def test_a_choice_per_point_or_one_per_object():
    assert [len(one.iou) for one in choices(APPLE, "prompt")] == [3, 3]
    assert [len(one.iou) for one in choices(APPLE, "instance")] == [6]


def test_table_files(rows):
    read = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(read) == len(rows) and read[0]["selection"] == "All"
    assert float(read[0]["good"]) == pytest.approx(rows[0].good, abs=1e-4)
    assert "| uniform | prompt | Best IO | 2 | 100.0 |" in to_markdown(rows)


def test_nothing_to_tabulate():
    selected, rows = tabulate([{"id": "b", "objects": []}], NAMES, {})
    assert rows == [] and len(selected["prompt"]["All"]) == 0
