"""How weights were made: the record beside them, and its table on a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lexiseg.io.output_file import write_text
from lexiseg.training.engine.learner import Learner

RECORD = "training.json"


def read_sessions(folder: Path) -> list[dict[str, object]]:
    """Records of the sessions that made the weights in a folder."""
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    sessions: list[dict[str, object]] = record["sessions"]
    return sessions


def write_record(learner: Learner, folder: Path, **settings: object) -> None:
    """Leave beside the weights how they were made: `settings` and all sessions."""
    record = {**settings, "sessions": learner.sessions}
    write_text(folder / RECORD, json.dumps(record, indent=2) + "\n")


def session_table(sessions: Sequence[Mapping[str, object]], drawn: str, examples: str) -> str:
    """The sessions of a record as a table of a model card, and what was noted about them.

    Args:
        sessions: of the record.
        drawn: what was drawn to learn from.
        examples: what a batch consists of.
    """
    heads = ["steps", f"{drawn} (seed)", examples, "minutes", "processes"]
    rated = any("rate" in session for session in sessions)
    prompted = any("prompted" in session for session in sessions)
    heads += ["highest rate"] * rated + ["prompted pictures"] * prompted
    rows = [_row(heads), "|---" * len(heads) + "|"]
    for session in sessions:
        cells = [
            f"{session['first_step']} to {session['last_step']}",
            f"{session['drawn']:,} ({session['seed']})",
            f"{session['examples']:,}",
            f"{session['minutes']:.1f}",
            f"{session['processes']} on {session['device']}",
        ]
        cells += [f"{session['rate']:g}" if "rate" in session else "-"] * rated
        rows.append(_row(cells + ["yes" if session.get("prompted") else "no"] * prompted))
    notes = [str(session["note"]) for session in sessions if session.get("note")]
    return "\n".join([*rows, "", *notes]).rstrip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
