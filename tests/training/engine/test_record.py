"""The table of training sessions on a model card."""

from __future__ import annotations

from lexiseg.training.engine.record import session_table

OLD = {
    "first_step": 0, "last_step": 40, "drawn": 6000, "seed": 1, "examples": 640,
    "minutes": 2.04, "processes": 2, "device": "cpu",
}  # fmt: skip


def test_a_session_is_a_row_and_notes_follow() -> None:
    table = session_table([OLD, {**OLD, "note": "By hand."}], "scenes", "pictures")
    lines = table.splitlines()
    assert lines[0] == "| steps | scenes (seed) | pictures | minutes | processes |"
    assert lines[2] == lines[3] == "| 0 to 40 | 6,000 (1) | 640 | 2.0 | 2 on cpu |"
    assert lines[5:] == ["By hand."]


def test_rates_are_shown_where_they_were_recorded() -> None:
    lines = session_table([OLD, {**OLD, "rate": 0.0012}], "scenes", "pictures").splitlines()
    assert lines[0].endswith("| processes | highest rate |")
    assert lines[2].endswith("| - |") and lines[3].endswith("| 0.0012 |")
