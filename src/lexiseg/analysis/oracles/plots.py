"""Plots as scalable drawings inside the page, without any library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROW, LABEL, RIGHT = 880, 26, 420, 90
INK, GRID, BLUE, RED = "#333", "#ddd", "#2166ac", "#b2182b"
COLOURS = (
    "#2166ac", "#b2182b", "#e08214", "#fdb863", "#8073ac", "#35978f", "#80cdc1", "#d6604d",
    "#878787",
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One bar.

    Args:
        label: beside it.
        value: its length; in points.
        low: end of the interval; NaN draws none.
        high: the other end.
    """

    label: str
    value: float
    low: float = float("nan")
    high: float = float("nan")


def bars(rows: Sequence[Bar], title: str) -> str:
    """Horizontal bars from zero, each with its interval."""
    ends = [x for row in rows for x in (0.0, row.value, row.low, row.high) if x == x]
    low, high = min(ends, default=0), max(ends, default=1)
    at = _scale(low, high if high > low else low + 1)
    parts = [f'<line x1="{at(0)}" x2="{at(0)}" y1="0" y2="{ROW * len(rows)}" stroke="{INK}"/>']
    for number, row in enumerate(rows):
        top = ROW * number + 4
        first, last = sorted((at(0), at(row.value)))
        colour = BLUE if row.value >= 0 else RED
        parts += [
            _text(LABEL - 8, top + 13, row.label, "end"),
            f'<rect x="{first}" y="{top}" width="{last - first:.1f}" height="18" fill="{colour}">'
            f"<title>{escape(row.label)}: {row.value:+.1f}</title></rect>",
            _text(WIDTH - RIGHT + 10, top + 13, f"{row.value:+.1f}"),
        ]
        if row.low == row.low:
            parts.append(_whisker(at(row.low), at(row.high), top + 9))
    return _drawing(parts, ROW * len(rows) + 2, title)


def stairs(steps: Sequence[tuple[str, float]], title: str) -> str:
    """A staircase: each step's bar begins where the one before ends; values in points."""
    at = _scale(0, max([100.0, *(value for _, value in steps)]))
    before, parts = 0.0, []
    for number, (label, value) in enumerate(steps):
        top = ROW * number + 4
        first, last = sorted((at(before), at(value)))
        colour = "#777" if not number else BLUE if value >= before else RED
        parts += [
            _text(LABEL - 8, top + 13, label, "end"),
            f'<rect x="{first}" y="{top}" width="{max(1, last - first):.1f}" height="18" '
            f'fill="{colour}"><title>{escape(label)}: {value:.1f}</title></rect>',
            _text(WIDTH - RIGHT + 10, top + 13, f"{value:.1f}"),
        ]
        before = value
    return _drawing(parts, ROW * len(steps) + 2, title)


def stacked(rows: Mapping[str, Mapping[str, int]], title: str) -> str:
    """One bar per row, divided by kind as shares of the row; with a legend."""
    kinds = list(dict.fromkeys(kind for row in rows.values() for kind in row))
    colours = dict(zip(kinds, COLOURS * (len(kinds) // len(COLOURS) + 1), strict=False))
    at, parts = _scale(0, 1), []
    for number, (label, row) in enumerate(rows.items()):
        top, begin, total = ROW * number + 4, 0.0, max(1, sum(row.values()))
        parts.append(_text(LABEL - 8, top + 13, f"{label} ({sum(row.values())})", "end"))
        for kind, count in row.items():
            end = begin + count / total
            parts.append(
                f'<rect x="{at(begin)}" y="{top}" width="{at(end) - at(begin):.1f}" height="18" '
                f'fill="{colours[kind]}"><title>{escape(kind)}: {count} '
                f"({100 * count / total:.1f} %)</title></rect>"
            )
            begin = end
    legend = "".join(
        f'<span class="key"><i style="background:{colours[kind]}"></i>{escape(kind)}</span>'
        for kind in kinds
    )
    return _drawing(parts, ROW * len(rows) + 2, title) + f'<p class="legend">{legend}</p>'


def curves(
    lines: Mapping[str, Sequence[tuple[str, float]]], title: str, axis: str, *, whole: bool = True
) -> str:
    """Values over labelled places, one line each.

    Args:
        lines: name -> (label of the place, value in points); all have the same places.
        title: of the plot.
        axis: what the places are.
        whole: the axis goes from 0 to 100.
    """
    values = [value for line in lines.values() for _, value in line]
    low, high = (0.0, 100.0) if whole else (min(values), max(values))
    span, height, left = (high - low) or 1, 220, 50
    labels = [label for label, _ in next(iter(lines.values()))]
    step = (WIDTH - left - 160) / max(1, len(labels) - 1)
    parts = []
    for tick in range(5):
        value, y = low + span * tick / 4, 10 + height * (1 - tick / 4)
        parts.append(f'<line x1="{left}" x2="{WIDTH - 150}" y1="{y}" y2="{y}" stroke="{GRID}"/>')
        parts.append(_text(left - 6, y + 4, f"{value:.1f}", "end"))
    for place, label in enumerate(labels):
        parts.append(_text(left + step * place, height + 30, label, "middle"))
    for colour, (name, line) in zip(COLOURS * len(lines), lines.items(), strict=False):
        points = [
            (left + step * k, 10 + height * (1 - (value - low) / span))
            for k, (_, value) in enumerate(line)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (label, value) in zip(points, line, strict=True):
            note = f"{escape(name)}, {escape(label)}: {value:.1f}"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}">'
                f"<title>{note}</title></circle>"
            )
        parts.append(_text(points[-1][0] + 8, points[-1][1] + 4, name, colour=colour))
    parts.append(_text(left, height + 52, axis))
    return _drawing(parts, height + 62, title)


def histograms(pairs: Mapping[str, Sequence[int]], title: str, axis: str) -> str:
    """Histograms over 0 to 1 above each other's ground, each as shares of its own."""
    height, left = 120, 50
    parts, top = [], 0
    for colour, (name, counts) in zip(COLOURS, pairs.items(), strict=False):
        total, width = max(1, sum(counts)), (WIDTH - 2 * left) / max(1, len(counts))
        most = max(*counts, 1) / total
        parts.append(_text(left, top + 14, f"{name} ({sum(counts)})", colour=colour))
        for number, count in enumerate(counts):
            tall = (height - 30) * (count / total) / most
            parts.append(
                f'<rect x="{left + width * number:.1f}" y="{top + height - tall - 4:.1f}" '
                f'width="{width - 1:.1f}" height="{tall:.1f}" fill="{colour}">'
                f"<title>{count}</title></rect>"
            )
        top += height
    for place in range(5):
        parts.append(
            _text(left + (WIDTH - 2 * left) * place / 4, top + 14, f"{place / 4:g}", "middle")
        )
    parts.append(_text(left, top + 32, axis))
    return _drawing(parts, top + 38, title)


def _scale(low: float, high: float) -> Callable[[float], float]:
    room = WIDTH - LABEL - RIGHT

    def at(value: float) -> float:
        return round(LABEL + room * (value - low) / (high - low), 1)

    return at


def _whisker(low: float, high: float, y: float) -> str:
    return (
        f'<path d="M{low} {y - 4}V{y + 4}M{low} {y}H{high}M{high} {y - 4}V{y + 4}" '
        f'stroke="{INK}" fill="none"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


def _drawing(parts: Sequence[str], height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
