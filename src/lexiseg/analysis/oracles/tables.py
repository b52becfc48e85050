"""What all forms of the report share, and the table of classes as comma-separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lexiseg.analysis.oracles.error_types import FoundType, TrueType
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.analysis.oracles.missed import Missed
from lexiseg.analysis.oracles.summary import ClassLine

if TYPE_CHECKING:
    from lexiseg.analysis.oracles.report import OracleReport

NEAR = ("class", "other class", "cosine of their texts", "taken for each other")


def class_csv(report: OracleReport) -> str:
    """A line per class, numbers as shares."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(class_columns(report))
    for line in report.classes:
        writer.writerow(
            [cell if isinstance(cell, str) else _cell(cell) for cell in row(report, line)]
        )
    return buffer.getvalue()


def class_columns(report: OracleReport) -> list[str]:
    """Heads of the table of classes."""
    gains = [f"{report.measure} with {lever.name}" for lever in report.levers]
    answers = [f"answers {kind}" for kind in FoundType]
    return [
        "class", "kind", "training", "true", "recall", report.measure, "FN_seg", "FN_cls",
        *TrueType, "answered", *answers, "swallowed by", "other policy", *gains,
    ]  # fmt: skip


def row(report: OracleReport, line: ClassLine) -> list[str | int | float]:
    """The cells of a class; gains are differences."""
    seen = "" if not report.seen else "seen" if report.seen[line.index] else "unseen"
    return [
        report.names[line.index],
        "thing" if report.is_thing[line.index] else "stuff",
        seen,
        line.true,
        line.recall,
        line.quality,
        line.split.fn_seg,
        line.split.fn_cls,
        *(line.types[kind] for kind in TrueType),
        line.answered,
        *(line.answers[kind] for kind in FoundType),
        report.names[line.swallower] if line.swallower >= 0 else "",
        "yes" if line.conflict else "",
        *(line.gains[lever.name] for lever in report.levers),
    ]


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if value != value else f"{value:.4f}"


def points(share: float) -> str:
    """A share in points; a dash where it is not defined."""
    return "–" if share != share else f"{100 * share:.1f}"


def signed(share: float) -> str:
    """A difference in points."""
    return "–" if share != share else f"{100 * share:+.1f}"


def interval(number: Estimate, *, difference: bool = False) -> str:
    """The interval of an estimate."""
    show = signed if difference else points
    return "" if number.low != number.low else f"{show(number.low)} to {show(number.high)}"


def total_types(lines: Iterable[ClassLine]) -> dict[TrueType, int]:
    """True segments by type over some classes."""
    own = list(lines)
    return {kind: sum(line.types[kind] for line in own) for kind in TrueType}


def total_answers(lines: Iterable[ClassLine]) -> dict[FoundType, int]:
    """Answered segments by type over some classes."""
    own = list(lines)
    return {kind: sum(line.answers[kind] for line in own) for kind in FoundType}


def total_split(lines: Iterable[ClassLine]) -> Missed:
    """The paper's division over some classes."""
    own = [line.split for line in lines]
    return Missed(sum(s.fn_seg for s in own), sum(s.fn_cls for s in own), sum(s.tp for s in own))


def void_sentence(report: OracleReport) -> str:
    """What another balance of "no object" would give."""
    void = report.void
    assert void is not None  # asked for with candidates only
    best = "no void at all" if void.best == float("-inf") else f"a bias of {void.best:+g}"
    return (
        f"Best is {best}: {signed(void.gain)} {report.measure} on these pictures; chosen on one "
        f"half of them and measured on the other: {signed(void.held_out)}."
    )


def provenance(report: OracleReport) -> list[str]:
    """Data, settings and versions in lines."""
    terms = report.terms
    settings = ", ".join(f"{k} = {v}" for k, v in terms.settings.items() if k != "seen")
    lines = [
        f"{report.pictures} pictures of {terms.dataset}; answers: {terms.recipe.preset}.",
        f"Settings: {settings}.",
        ", ".join(f"{name} {version}" for name, version in terms.versions.items()) + ".",
    ]
    if (void := report.void) and abs(void.curve[0.0] - report.quality["all"].value) > 5e-4:
        lines.append(
            f"Panoptic inference on the candidates gives {points(void.curve[0.0])}, the "
            f"answers {points(report.quality['all'].value)}: object_mask or overlap are not "
            "those of the predictor."
        )
    if not report.with_candidates:
        lines.append(
            "The candidates are not known, so what was proposed and lost shows as absorbed, "
            "fragmented, poor or never proposed, and the choice among candidates is not measured."
        )
    if report.fell_back:
        lines.append(
            f"True masks without a cell of the encoder's grid: {report.fell_back}; cells count "
            "by the area that they cover."
        )
    if report.surplus:
        lines.append(f"{report.surplus} true segments had no candidate left.")
    return lines
