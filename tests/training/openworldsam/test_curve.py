"""The curve as a table and a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from lexiseg.io.image import image_size
from lexiseg.training.openworldsam.curve import Board, as_table, draw_curve

ROWS = [{"step": 2, "loss": 3.0}, {"step": 4, "loss": 2.0, "val_matched_iou": 0.25}]


def test_every_figure_has_a_column() -> None:
    read = list(csv.DictReader(as_table(ROWS).splitlines()))
    assert read == [
        {"step": "2", "loss": "3.0", "val_matched_iou": ""},
        {"step": "4", "loss": "2.0", "val_matched_iou": "0.25"},
    ]


def test_both_files_follow_the_lines_written_so_far(tmp_path: Path) -> None:
    (tmp_path / "curve.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    draw_curve(tmp_path)
    assert (tmp_path / "curve.csv").read_text() == as_table(ROWS)
    height, width = image_size(tmp_path / "curve.png")
    assert width > height > 200


def test_tensorboard_reads_the_same_figures(tmp_path: Path) -> None:
    board = Board(tmp_path, 0)
    for row in ROWS:
        board.add(row)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = {name: [(e.step, e.value) for e in events.Scalars(name)] for name in ("loss",)}
    assert found == {"loss": [(2, 3.0), (4, 2.0)]}
    assert [e.step for e in events.Scalars("val_matched_iou")] == [4]
