"""The report as comma-separated values and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lexiseg.analysis.oracles.error_types import FOUND_MEANINGS, MEANINGS, FoundType, TrueType
from lexiseg.analysis.oracles.helps import TITLES
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.analysis.oracles.missed import Missed
from lexiseg.analysis.oracles.summary import ClassLine

if TYPE_CHECKING:
    from lexiseg.analysis.oracles.report import OracleReport

SHOWN = 15  # lines of a table of pairs
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


def markdown(report: OracleReport) -> str:
    """The report without its plots, for a terminal or a pull request."""
    parts = (
        _quality(report), _levers(report), _staircases(report), _errors(report), _policies(report),
        _sizes(report), _void(report), _near(report), _comparison(report), _classes(report),
        _footer(report),
    )  # fmt: skip
    return "\n".join([f"# {report.sentence}", "", *(line for part in parts for line in part)])


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines] + [""]


def _escaped(cell: object) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")


def _quality(report: OracleReport) -> list[str]:
    rows = [(g, points(q.value), interval(q)) for g, q in report.quality.items()]
    return _table(["classes", report.measure, "95 % interval"], rows)


def _levers(report: OracleReport) -> list[str]:
    groups = list(report.quality)
    rows = [
        (
            lever.title, points(lever.value), signed(lever.gain.value),
            interval(lever.gain, difference=True), *(signed(lever.groups[g]) for g in groups[1:]),
        )
        for lever in report.levers
    ]  # fmt: skip
    heads = ["if there were", report.measure, "gain", "95 % interval", *groups[1:]]
    return ["## What each help alone is worth", "", *_table(heads, rows)]


def _staircases(report: OracleReport) -> list[str]:
    lines = ["## Helps that add up", ""]
    for name, steps in report.staircases.items():
        rows = [(TITLES.get(s.name, s.name), points(s.value), signed(s.gain)) for s in steps]
        lines += _table([f"step, {name}", report.measure, "gain"], rows)
    return lines


def _errors(report: OracleReport) -> list[str]:
    types, answers = total_types(report.classes), total_answers(report.classes)
    split, number = total_split(report.classes), max(1, sum(types.values()))
    asked = max(1, sum(answers.values()))
    return [
        "## What became of every true segment", "",
        f"FN_seg {split.fn_seg}, FN_cls {split.fn_cls}, TP {split.tp}.", "",
        *_table(
            ["true segments", "number", "share", "meaning"],
            [(k, n, f"{100 * n / number:.1f} %", MEANINGS[k]) for k, n in types.items()],
        ),
        *_table(
            ["answers", "number", "share", "meaning"],
            [(k, n, f"{100 * n / asked:.1f} %", FOUND_MEANINGS[k]) for k, n in answers.items()],
        ),
    ]  # fmt: skip


def _policies(report: OracleReport) -> list[str]:
    lines = ["## What is taken for what", ""]
    if report.conflicts:
        listed = ", ".join(f"{name} (swallowed by {other})" for name, other in report.conflicts)
        lines += [f"Labels that seem to follow another policy: {listed}.", ""]
    for head, pairs in (("answered as", report.confused), ("swallowed by", report.absorbed)):
        if pairs:
            lines += _table(["true class", head, "segments"], pairs[:SHOWN])
    return lines


def _sizes(report: OracleReport) -> list[str]:
    kept = list(next((line.recall for line in report.sizes if line.recall), {}))
    heads = ["size", "true", "found", *(f"{k} candidates" for k in kept)]
    rows = [
        (
            line.name, line.true, points(line.types[TrueType.FOUND] / max(1, line.true)),
            *(points(line.recall.get(k, float("nan"))) for k in kept),
        )
        for line in report.sizes
    ]  # fmt: skip
    title = "## By size" + (", and whether one of the best candidates fits" if kept else "")
    return [title, "", *_table(heads, rows)]


def _void(report: OracleReport) -> list[str]:
    void = report.void
    if void is None:
        return []
    rows = [
        ("none" if bias == float("-inf") else f"{bias:+g}", points(value))
        for bias, value in void.curve.items()
    ]
    return [
        "## The balance of no object", "", void_sentence(report), "",
        *_table(["bias of its logit", report.measure], rows),
    ]  # fmt: skip


def void_sentence(report: OracleReport) -> str:
    """What another balance of "no object" would give."""
    void = report.void
    assert void is not None  # asked for with candidates only
    best = "no void at all" if void.best == float("-inf") else f"a bias of {void.best:+g}"
    return (
        f"Best is {best}: {signed(void.gain)} {report.measure} on these pictures; chosen on one "
        f"half of them and measured on the other: {signed(void.held_out)}."
    )


def _near(report: OracleReport) -> list[str]:
    rows = [(pair.first, pair.second, pair.cosine, pair.confused) for pair in report.near]
    return ["## Names that are nearly the same", "", *_table(NEAR, rows)] if rows else []


def _comparison(report: OracleReport) -> list[str]:
    other = report.comparison
    if other is None:
        return []
    rows = [(name, mine, theirs, mine - theirs) for name, (mine, theirs) in other.found.items()]
    return [
        f"## Against {other.other}", "",
        f"{report.measure} {signed(other.difference.value)} "
        f"({interval(other.difference, difference=True)}) over {other.pictures} pictures; "
        f"{other.only_this} segments are found by this run alone, {other.only_other} by the other.",
        "", *_table(["class", "found", "by the other", "difference"], rows),
    ]  # fmt: skip


def _classes(report: OracleReport) -> list[str]:
    heads = ["class", "kind", "true", "recall", report.measure, "FN_seg", "FN_cls", "swallowed by"]
    rows = []
    for line in report.classes:
        cells = dict(zip(class_columns(report), row(report, line), strict=True))
        shown = (points(line.recall), points(line.quality))
        rows.append(
            (
                cells["class"], cells["kind"], line.true, *shown, cells["FN_seg"], cells["FN_cls"],
                cells["swallowed by"],
            )
        )  # fmt: skip
    return ["## Classes", "", *_table(heads, rows)]


def _footer(report: OracleReport) -> list[str]:
    lines = ["## How it was measured", ""]
    lines += [f"- {line}" for line in provenance(report)]
    lines += [f"- Not judged: {name}: {reason}" for name, reason in report.failures.items()]
    return [*lines, ""]


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
    if report.surplus:
        lines.append(f"{report.surplus} true segments had no candidate left.")
    return lines
