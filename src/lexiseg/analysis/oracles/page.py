"""The report as one page without outside assets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from lexiseg.analysis.oracles.error_types import FOUND_MEANINGS, MEANINGS, TrueType
from lexiseg.analysis.oracles.findings import WHOSE_WORDS, directions, findings
from lexiseg.analysis.oracles.gallery import Shot
from lexiseg.analysis.oracles.helps import TITLES
from lexiseg.analysis.oracles.plots import Bar, bars, curves, histograms, stacked, stairs
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
    from lexiseg.analysis.oracles.report import OracleReport, Pairs

KindT = TypeVar("KindT", bound=str)
SIDE = 24  # classes of a matrix
LONGEST = 200  # lines of a table of pairs


def html_page(report: OracleReport) -> str:
    """The whole page."""
    sections = [section for section in _sections(report) if section[2]]
    links = " ".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in sections)
    content = "\n".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>{body}</section>'
        for key, title, body in sections
    )
    template = (files("lexiseg.analysis.oracles") / "page.html").read_text(encoding="utf-8")
    head = f"<h1>{escape(report.sentence)}</h1>{_cards(report)}"
    return (
        template.replace("__TITLE__", escape(f"Oracles: {report.terms.dataset}"))
        .replace("__NAVIGATION__", links)
        .replace("__CONTENT__", head + content)
    )


def _sections(report: OracleReport) -> Iterator[tuple[str, str, str]]:
    yield "findings", "The paper's findings, asked of these answers", _findings(report)
    yield "levers", "What each help alone is worth", _levers(report)
    yield "stairs", "Helps that add up", _staircases(report)
    yield "errors", "What became of every true segment", _errors(report)
    yield "classes", "Classes", _classes(report)
    yield "policies", "What is taken for what", _policies(report)
    yield "sizes", "Sizes and candidates", _sizes(report)
    yield "void", "The balance of no object", _void(report)
    yield "wordings", "Which texts win", _wordings(report)
    yield "near", "Names that are nearly the same", _near(report)
    yield "comparison", "Against another run", _comparison(report)
    yield "gallery", "The largest errors", _gallery(report.gallery)
    yield "measured", "How it was measured", _measured(report)


def _cards(report: OracleReport) -> str:
    cards = [
        f'<div class="card"><span>{escape(report.measure)}, {escape(group)}</span>'
        f"<b>{points(number.value)}</b><span>{interval(number)}</span></div>"
        for group, number in report.quality.items()
    ]
    split = total_split(report.classes)
    cards.append(
        f'<div class="card"><span>true segments</span><b>{sum(split)}</b><span>{split.tp} found, '
        f"{split.fn_cls} misnamed, {split.fn_seg} not segmented</span></div>"
    )
    return f'<div class="cards">{"".join(cards)}</div>'


def _findings(report: OracleReport) -> str:
    parts = [
        f"<h3>{escape(found.title)}</h3><p>{escape(found.text)}</p>" for found in findings(report)
    ]
    ways = "".join(f"<li>{escape(way)}</li>" for way in directions(report))
    parts.insert(0, f"<p>{escape(WHOSE_WORDS)}</p>")
    return f"{''.join(parts)}<h3>Ways on that these numbers speak for</h3><ul>{ways}</ul>"


def _levers(report: OracleReport) -> str:
    rows = [
        Bar(lever.title, *(100 * x for x in (lever.gain.value, lever.gain.low, lever.gain.high)))
        for lever in report.levers
    ]
    groups = [group for group in report.quality if group != "all"]
    cells = [
        [
            lever.title, points(lever.value), signed(lever.gain.value),
            interval(lever.gain, difference=True), *(signed(lever.groups[g]) for g in groups),
        ]
        for lever in report.levers
    ]  # fmt: skip
    heads = ["if there were", report.measure, "gain", "95 % interval", *groups]
    return (
        f"<p>Points of {report.measure} that each help would add if it came alone.</p>"
        + bars(rows, "gain of each help alone")
        + _table(heads, cells)
    )


def _staircases(report: OracleReport) -> str:
    parts = ["<p>Each step adds to those above; another order would give other steps.</p>"]
    for name, steps in report.staircases.items():
        shown = [(TITLES.get(step.name, step.name), 100 * step.value) for step in steps]
        parts.append(f"<h3>{escape(name)}</h3>{stairs(shown, name)}")
    return "".join(parts)


def _errors(report: OracleReport) -> str:
    groups: dict[str, dict[str, int]] = {}
    for group, chosen in _groups(report).items():
        lines = [line for line in report.classes if line.index in chosen]
        groups[group] = {str(kind): n for kind, n in total_types(lines).items()}
    types, answers = total_types(report.classes), total_answers(report.classes)
    return (
        stacked(groups, "true segments by type")
        + _kinds("true segments", types, MEANINGS)
        + "<h3>And what the answers are</h3>"
        + _kinds("answers", answers, FOUND_MEANINGS)
    )


def _groups(report: OracleReport) -> dict[str, set[int]]:
    every = range(len(report.names))
    groups = {
        "all": set(every),
        "things": {i for i in every if report.is_thing[i]},
        "stuff": {i for i in every if not report.is_thing[i]},
    }
    if report.seen:
        groups["seen"] = {i for i in every if report.seen[i]}
        groups["unseen"] = {i for i in every if not report.seen[i]}
    return {name: chosen for name, chosen in groups.items() if name in report.quality}


def _kinds(head: str, counts: Mapping[KindT, int], meanings: Mapping[KindT, str]) -> str:
    whole = max(1, sum(counts.values()))
    rows = [[k, n, f"{100 * n / whole:.1f} %", meanings[k]] for k, n in counts.items()]
    return _table([head, "number", "share", "meaning"], rows, long=3)


def _classes(report: OracleReport) -> str:
    heads = class_columns(report)
    lines = []
    for line in report.classes:
        cells = [_cell(cell, number) for number, cell in enumerate(row(report, line))]
        mark = ' class="conflict"' if line.conflict else ""
        lines.append(f"<tr{mark}>{''.join(cells)}</tr>")
    marked = "<p>Marked: labels that seem to follow another policy.</p>" if report.conflicts else ""
    return (
        f'<input type="search" id="search" placeholder="find a class" aria-label="find a class">'
        f'{marked}<div class="scroll"><table class="sortable" id="classes-table"><thead><tr>'
        f"{''.join(_head(head) for head in heads)}</tr></thead><tbody>{''.join(lines)}</tbody>"
        "</table></div>"
    )


def _head(title: str, *, text: bool = False) -> str:
    kind = ' class="text"' if text else ""
    return f'<th scope="col"{kind}><button type="button">{escape(title)}</button></th>'


def _cell(cell: str | int | float, column: int) -> str:
    if isinstance(cell, str):
        tag = "th scope=row" if not column else 'td class="text"'
        return f"<{tag}>{escape(cell)}</{tag[:2]}>"
    if isinstance(cell, int):
        return f"<td>{cell}</td>"
    return "<td>–</td>" if cell != cell else f'<td data-value="{cell:.6f}">{100 * cell:.1f}</td>'


def _policies(report: OracleReport) -> str:
    parts = []
    if report.conflicts:
        listed = ", ".join(f"{name} (swallowed by {other})" for name, other in report.conflicts)
        parts.append(
            f"<p><b>Labels that seem to follow another policy:</b> {escape(listed)}. Hardly any of "
            "these segments is found, most are not segmented, and one class swallows them.</p>"
        )
    for title, head, pairs in (
        ("Answered as another class, more than half of it", "answered as", report.confused),
        ("Swallowed by an answer that does not fit it", "swallowed by", report.absorbed),
    ):
        if pairs:
            rows = [list(pair) for pair in pairs[:LONGEST]]
            table = _table(["true class", head, "segments"], rows, text=(1,))
            parts.append(f"<h3>{title}</h3>{_matrix(pairs)}{table}")
    return "".join(parts)


def _matrix(pairs: Pairs) -> str:
    """The classes that take part most, true ones as rows."""
    weight: dict[str, int] = {}
    for true, found, times in pairs:
        weight[true] = weight.get(true, 0) + times
        weight[found] = weight.get(found, 0) + times
    chosen = sorted(weight, key=lambda name: -weight[name])[:SIDE]
    counts = {(true, found): times for true, found, times in pairs}
    most = max((counts.get((a, b), 0) for a in chosen for b in chosen), default=0)
    head = "".join(f"<th>{escape(name)}</th>" for name in chosen)
    body = []
    for true in chosen:
        cells = []
        for found in chosen:
            times = counts.get((true, found), 0)
            shade = (
                f' style="background:rgba(33,102,172,{0.8 * times / most:.2f})"' if times else ""
            )
            cells.append(f"<td{shade}>{times or ''}</td>")
        body.append(f'<tr><th class="side">{escape(true)}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _sizes(report: OracleReport) -> str:
    types = {line.name: {str(k): n for k, n in line.types.items()} for line in report.sizes}
    plot = stacked(types, "true segments by size")
    lines = {
        line.name: [(str(kept), 100 * share) for kept, share in line.recall.items()]
        for line in report.sizes
        if line.recall
    }
    if not lines:
        return plot
    return (
        plot
        + "<h3>How many of the best candidates must be kept until one fits</h3>"
        + curves(lines, "candidate recall by size", "candidates kept, by their best class")
    )


def _void(report: OracleReport) -> str:
    void = report.void
    if void is None:
        return ""
    line = [
        ("none" if bias == float("-inf") else f"{bias:+g}", 100 * value)
        for bias, value in void.curve.items()
    ]
    pairs = {"candidates that fit a segment": void.fitting, "other candidates": void.others}
    return (
        f"<p>{escape(void_sentence(report))}</p>"
        + curves({report.measure: line}, "quality by bias", "bias of its logit", whole=False)
        + histograms(pairs, "probability of no object", 'probability of "no object"')
    )


def _wordings(report: OracleReport) -> str:
    if not report.wordings:
        return ""
    rows: list[list[object]] = [
        [report.names[line.true_class], line.wording, line.right, line.wrong]
        for line in report.wordings
    ]
    heads = ["true class", "text that won", "class right", "class wrong"]
    return _table(heads, rows, text=(1,))


def _near(report: OracleReport) -> str:
    rows: list[list[object]] = [
        [pair.first, pair.second, pair.cosine, pair.confused] for pair in report.near
    ]
    return _table(NEAR, rows, text=(1,)) if rows else ""


def _comparison(report: OracleReport) -> str:
    other = report.comparison
    if other is None:
        return ""
    rows: list[list[object]] = [
        [name, mine, theirs, mine - theirs] for name, (mine, theirs) in other.found.items()
    ]
    gain = f"{signed(other.difference.value)} ({interval(other.difference, difference=True)})"
    return (
        f"<p>{report.measure} {gain} against {escape(other.other)} over {other.pictures} pictures. "
        f"{other.only_this} true segments are found by this run alone, {other.only_other} by the "
        f"other.</p>" + _table(["class", "found", "by the other", "difference"], rows)
    )


def _gallery(shots: Sequence[Shot]) -> str:
    parts, before = [], None
    for shot in shots:
        if shot.kind is not before:
            before = shot.kind
            parts.append(f"<h3>{escape(shot.kind)}</h3><p>{escape(MEANINGS[shot.kind])}</p>")
        other = f", {_relation(shot.kind)} {shot.other}" if shot.other else ""
        panels = "".join(
            f'<div><img src="{data}" alt="{escape(name)}">{escape(name)}</div>'
            for name, data in shot.panels
        )
        caption = escape(f"{shot.picture}: {shot.true_class}{other}")
        parts.append(
            f'<figure><figcaption>{caption}</figcaption><div class="panels">{panels}</div></figure>'
        )
    return "".join(parts)


def _relation(kind: TrueType) -> str:
    return {TrueType.WRONG_CLASS: "answered as", TrueType.ABSORBED: "swallowed by"}.get(
        kind, "with an answer of"
    )


def _measured(report: OracleReport) -> str:
    lines = [f"<li>{escape(line)}</li>" for line in provenance(report)]
    lines += [
        f"<li>Not judged: {escape(name)}: {escape(reason)}</li>"
        for name, reason in report.failures.items()
    ]
    return f"<ul>{''.join(lines)}</ul>"


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    long: int | None = None,
    text: Sequence[int] = (),
) -> str:
    """A table that sorts by a click on a head; `long` and `text` are columns of words."""

    def cell(number: int, content: object) -> str:
        kind = "long" if number == long else "text" if number in text else ""
        name = f' class="{kind}"' if kind else ""
        shown = escape(str(content))
        value = f' data-value="{shown.rstrip(" %")}"' if shown.endswith(" %") else ""
        return f"<td{name}{value}>{shown}</td>"

    body = "".join(
        f"<tr>{''.join(cell(number, content) for number, content in enumerate(line))}</tr>"
        for line in rows
    )
    words = {0, long, *text}
    head = "".join(_head(name, text=number in words) for number, name in enumerate(heads))
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
