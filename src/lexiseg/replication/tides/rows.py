"""What the miniature of the TIDES tables asks, beside the paper's numbers.

Numbers are mask AP and class IoU in percent on COCO val2017, from Tables 1 and 3 of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lexiseg.methods.tides.oracles import ORACLES, Oracle

Ranking = Literal["io", "segmenter"]
SCORER = "clip-surgery"  # of Table 3
SCORERS = (SCORER, "sclip", "sc-clip", "maskclip", "clearclip", "naclip")
PAPER_AP: dict[tuple[str, Ranking], float] = {
    ("clip-surgery", "segmenter"): 14.6,
    ("clip-surgery", "io"): 19.2,
    ("sclip", "segmenter"): 13.7,
    ("sclip", "io"): 18.2,
    ("sc-clip", "segmenter"): 15.3,
    ("sc-clip", "io"): 19.1,
}
"""With SAM-H; the other three scorers are not in the paper."""
PAPER_GAIN = 2.71  # mean of IO minus Raw over the paper's nine pairings
GOAL_AP, GOAL_GAIN = 25.0, 1.0  # what this project wants to reach in miniature

PAPER_STEP_D: Mapping[str, object] = {
    "histogram_cells": "foreground",
    "bandwidth": 0.5,
    "min_density": 0.9,
    "density_rule": "relative",
    "cluster": "largest",
    "identity": "density",
    "nms_iou": 0.7,
    "confidence": "semantic*identity",
}
"""The paper's step D, with `TidesConfig`'s readings where its text is open; the bundled preset
departs from it."""


@dataclass(frozen=True)
class Row:
    """One way to ask a scene.

    Args:
        scorer: name in `lexiseg.registry.SCORERS`.
        ranking: "io", or "segmenter" for the paper's Raw.
        truth: steps that the truth takes the place of.
        step_d: as the "preset" sets step D, or the "paper".
        options: fields of `TidesConfig` that differ from the preset's, as (name, value).
    """

    scorer: str = SCORER
    ranking: Ranking = "io"
    truth: tuple[Oracle, ...] = ()
    step_d: Literal["preset", "paper"] = "preset"
    options: tuple[tuple[str, object], ...] = ()

    @property
    def key(self) -> str:
        """Name of the file of its records."""
        options = (f"{name}={value}" for name, value in self.options)
        step_d = ("paper-d",) if self.step_d == "paper" else ()
        return "-".join(("tides", self.scorer, self.ranking, *step_d, *self.truth, *options))


@dataclass(frozen=True)
class OracleRow:
    """A line of Table 3: what is known, and the paper's class IoU and AP."""

    label: str
    truth: tuple[Oracle, ...]
    paper: tuple[float, float]
    step_d: Literal["preset", "paper"] = "preset"

    @property
    def row(self) -> Row:
        """How it is asked."""
        return Row(truth=self.truth, step_d=self.step_d)


PAIRS = tuple((Row(scorer, "segmenter"), Row(scorer, "io")) for scorer in SCORERS)
PAPER_PAIR = (Row(ranking="segmenter", step_d="paper"), Row(step_d="paper"))
"""The paper's step D, and Raw with its suppression and its score."""
ORACLE_ROWS = (
    OracleRow("nothing", (), (19.0, 20.5)),
    OracleRow("semantics (A)", ("semantics",), (85.3, 57.4)),
    OracleRow("vocabulary (B)", ("vocabulary",), (93.0, 52.9)),
    OracleRow("masks (C, D)", ("masks",), (59.1, 68.4)),
    OracleRow("all", ORACLES, (98.4, 98.4)),
)
PAPER_D_ORACLES = (
    OracleRow("nothing, the paper's step D", (), (19.0, 20.5), "paper"),
    OracleRow("semantics (A), the paper's step D", ("semantics",), (85.3, 57.4), "paper"),
)


@dataclass(frozen=True)
class OpenChoice:
    """Something the paper leaves open, read in several ways.

    Args:
        title: of the section.
        what: is read; head of the first column.
        about: why it matters.
        rows: label -> Raw and IO.
    """

    title: str
    what: str
    about: str
    rows: Mapping[str, tuple[Row, Row]]


LITERAL = (("assignment", "foreground"), ("min_overlap", 0.2))
BY_DENSITY = (("confidence", "semantic*identity"), ("identity", "share"))
CHOSEN = "as in the settings above"
READINGS = (
    OpenChoice(
        "What overlap means in step C",
        "overlap",
        "The paper proposes a mask for a class whose foreground it overlaps by more than 0.2, by "
        "IoU with the whole of it. With k objects of equal size of one class no IoU exceeds 1 / k.",
        {
            "IoU with the whole foreground of the class (literal)": (
                Row(ranking="segmenter", options=LITERAL),
                Row(options=LITERAL),
            ),
            CHOSEN: PAIRS[0],
        },
    ),
    OpenChoice(
        "What the final score is made of",
        "final score",
        "The paper says how masks are chosen by IO score and weighed by semantic score, and not "
        "what the answers of all classes and images are ranked by. In Raw the segmenter's own "
        "score stands for IO, so that both lines are the same there.",
        {
            "semantic score x IO score, as a share of the densest": (
                PAIRS[0][0],
                Row(options=BY_DENSITY),
            ),
            f"semantic score x the segmenter's score, {CHOSEN}": PAIRS[0],
        },
    ),
)


def all_rows() -> tuple[Row, ...]:
    """Every row once."""
    pairs = [*PAIRS, PAPER_PAIR, *(pair for reading in READINGS for pair in reading.rows.values())]
    rows = [row for pair in pairs for row in pair]
    knowing = [line.row for line in (*ORACLE_ROWS, *PAPER_D_ORACLES)]
    return tuple(dict.fromkeys(rows + knowing))
