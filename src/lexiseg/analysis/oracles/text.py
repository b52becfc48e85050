"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lexiseg.analysis.oracles.error_types import FOUND_MEANINGS, MEANINGS, TrueType
from lexiseg.analysis.oracles.findings import WHOSE_WORDS, directions, findings
from lexiseg.analysis.oracles.helps import TITLES
from lexiseg.analysis.oracles.tables import (
    NEAR,
    class_columns,
    interval,
    points,
    provenance,
    row,
    signed,
    total_answers,
    total_split,
    total_types,
    void_sentence,
)

if TYPE_CHECKING:
    from lexiseg.analysis.oracles.report import OracleReport

SHOWN = 15  # lines of a table of pairs


def markdown(report: OracleReport) -> str:
    """The report without its plots, for a terminal or a pull request."""
    parts = (
        _quality(report), _findings(report), _levers(report), _staircases(report),
        _errors(report), _policies(report), _sizes(report), _void(report), _near(report),
        _comparison(report), _classes(report), _footer(report),
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


def _findings(report: OracleReport) -> list[str]:
    lines = ["## The paper's findings, asked of these answers", "", WHOSE_WORDS, ""]
    for found in findings(report):
        lines += [f"### {found.title}", "", found.text, ""]
    ways = [f"- {way}" for way in directions(report)]
    return [*lines, "### Ways on that these numbers speak for", "", *ways, ""]


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
