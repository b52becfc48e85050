"""The page that shows TIDES in miniature beside the paper, with every difference tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lexiseg.datasets.sample import InstanceSample
from lexiseg.evaluation.protocol import Protocol
from lexiseg.evaluation.records import Record
from lexiseg.replication.page import (
    opening,
    percent,
    provenance,
    published,
    signed,
    table_row,
    with_interval,
)
from lexiseg.replication.tides.numbers import Finding, mean_gain
from lexiseg.replication.tides.rows import (
    GOAL_AP,
    GOAL_GAIN,
    ORACLE_ROWS,
    PAIRS,
    PAPER_AP,
    PAPER_D_ORACLES,
    PAPER_GAIN,
    PAPER_PAIR,
    PAPER_STEP_D,
    READINGS,
    SCORER,
    OpenChoice,
    OracleRow,
    Row,
)
from lexiseg.replication.tides.selection import describe_selection

_SETTINGS = (
    "long_side", "windows", "cell", "background", "min_margin", "foreground_rule", "point_stride",
    "max_points", "temperature", "values", "assignment", "min_overlap", "density_rule",
    "histogram_cells", "bandwidth", "min_density", "cluster", "identity", "nms_iou", "confidence",
    "semantic_divisor", "across_classes",
)  # fmt: skip
_COLUMNS = ("ar10", "ar100", "ap_small", "ap_medium", "ap_large", "ap75", "ap50")


@dataclass(frozen=True)
class ReplicationReport:
    """Everything the page says.

    Args:
        command: that generates it.
        protocols: of each row.
        records: of each row, in the order of the scenes.
        samples: the scenes' truth.
    """

    command: str
    protocols: Mapping[Row, Protocol]
    records: Mapping[Row, Sequence[Record]]
    samples: Sequence[InstanceSample]

    def to_markdown(self) -> str:
        """The page."""
        parts = (
            self._head(), self._goals(), self._rankings(), self._gains(), self._selection(),
            *map(self._readings, READINGS), self._oracles(),
        )  # fmt: skip
        return "\n".join([line for part in parts for line in (*part, "")])

    @cached_property
    def found(self) -> Mapping[Row, Finding]:
        """What was measured for each row."""
        return {row: Finding(records, self.samples) for row, records in self.records.items()}

    @cached_property
    def best(self) -> Row:
        """The pairing with the highest AP."""
        rows = [row for pair in PAIRS for row in pair]
        return max(rows, key=lambda row: self.found[row].value("ap"))

    @cached_property
    def gain(self) -> tuple[float, float, float]:
        """Mean over scorers of IO minus Raw, with its paired interval, in AP points."""
        return mean_gain([(self.found[raw], self.found[io]) for raw, io in PAIRS])

    def _head(self) -> Iterator[str]:
        terms = self.protocols[PAIRS[0][1]]
        yield from opening("TIDES in miniature", self.command)
        yield (
            "Tables 1 and 3 of the TIDES paper with the bundled small CLIP and the bundled small "
            "SAM on Miniworld instead of OpenAI's CLIP and SAM-H on COCO. Compare directions, not "
            "heights: another world, other weights."
        )
        yield ""
        yield (
            f"- Scenes: {terms.images} of Miniworld {terms.split}; pictographs, backgrounds "
            "and looks were held out from training."
        )
        yield f"- {_describe(self.samples)}"
        yield (
            "- AP and AR: COCO's rules (IoU 0.50 to 0.95, at most 100 answers per class and "
            "scene), in percent, with 95 % bootstrap intervals over scenes; small is below 32 x 32 "
            "pixels, medium below 96 x 96. Objects too hidden to be named count neither way. Many "
            "classes are shown in one or two scenes only, which makes AP higher in a drawing of "
            "scenes than in all; the intervals take this bias back (Efron 1981), so that they may "
            "end below the number."
        )
        yield from provenance(terms, _SETTINGS, "Settings", "words")
        yield (
            "- Raw: step D is skipped and the segmenter's own score takes its place. Preset's IO: "
            "all steps by the settings above, whose step D is not the paper's "
            f"({_departures(terms.settings)}). Paper's IO: its own step D, everything else as "
            "above; where its text is open, `TidesConfig` says which reading is taken."
        )

    def _goals(self) -> Iterator[str]:
        best = 100 * self.found[self.best].value("ap")
        name = f"AP of the best pairing ({self.best.scorer}, {_ranking(self.best)})"
        rows = [
            (name, GOAL_AP, best),
            ("AP of the preset's IO minus Raw, mean over scorers", GOAL_GAIN, self.gain[0]),
        ]
        yield "| goal | at least | measured | reached |"
        yield "| --- | --- | --- | --- |"
        for label, goal, value in rows:
            yield f"| {label} | {goal:.1f} | {value:.1f} | {'yes' if value >= goal else 'no'} |"

    def _rankings(self) -> Iterator[str]:
        yield "## Table 1: Raw and IO for every scorer"
        yield ""
        yield (
            "| scorer | ranking | AR10 | AR100 | AP small | AP medium | AP large | AP75 | AP50 "
            "| AP | paper, SAM-H: AP |"
        )
        yield f"|{' --- |' * 11}"
        for pair in (*PAIRS, PAPER_PAIR):
            for row in pair:
                finding = self.found[row]
                cells = [row.scorer, _ranking(row)]
                cells += [percent(finding.value(name)) for name in _COLUMNS]
                cells += [with_interval(finding.value("ap"), finding.interval("ap"))]
                cells += [published(PAPER_AP.get((row.scorer, row.ranking)))]
                yield table_row(cells)

    def _gains(self) -> Iterator[str]:
        yield "### IO minus Raw"
        yield ""
        yield "| scorer | IO | AP | paper, SAM-H | direction |"
        yield "| --- | --- | --- | --- | --- |"
        for raw, io in (*PAIRS, PAPER_PAIR):
            value, low, high = mean_gain([(self.found[raw], self.found[io])])
            paper = _difference(
                PAPER_AP.get((io.scorer, "io")), PAPER_AP.get((raw.scorer, "segmenter"))
            )
            cells = [io.scorer, _ranking(io), signed(value, low, high)]
            yield table_row([*cells, paper, _direction(low, high)])
        value, low, high = self.gain
        yield (
            f"| mean | preset's IO | {signed(value, low, high)} | {PAPER_GAIN:+.1f} over nine "
            f"pairings | {_direction(low, high)} |"
        )

    def _selection(self) -> Iterator[str]:
        compared = {io.scorer: (self.found[raw], self.found[io]) for raw, io in PAIRS}
        return describe_selection(compared, self.gain)

    def _readings(self, reading: OpenChoice) -> Iterator[str]:
        yield f"### {reading.title} ({SCORER})"
        yield ""
        yield reading.about
        yield ""
        yield f"| {reading.what} | AR100, Raw / IO | AP, Raw | AP, IO | IO minus Raw |"
        yield "| --- | --- | --- | --- | --- |"
        for label, rows in reading.rows.items():
            raw, io = (self.found[row] for row in rows)
            value, low, high = mean_gain([(raw, io)])
            cells = [
                label,
                f"{percent(raw.value('ar100'))} / {percent(io.value('ar100'))}",
                with_interval(raw.value("ap"), raw.interval("ap")),
                with_interval(io.value("ap"), io.interval("ap")),
                signed(value, low, high),
            ]
            yield table_row(cells)

    def _oracles(self) -> Iterator[str]:
        yield f"## Table 3: the truth in place of single steps ({SCORER}, preset's IO)"
        yield ""
        yield "| known | class IoU | paper | AP | paper |"
        yield "| --- | --- | --- | --- | --- |"
        for line in (*ORACLE_ROWS, *PAPER_D_ORACLES):
            finding = self.found[line.row]
            cells = [
                line.label,
                with_interval(finding.class_iou, finding.class_interval),
                f"{line.paper[0]:g}",
                with_interval(finding.value("ap"), finding.interval("ap")),
                f"{line.paper[1]:g}",
            ]
            yield table_row(cells)
        yield ""
        yield self._limits()

    def _limits(self) -> str:
        """Which single truth helps most, here and in the paper."""
        single = ORACLE_ROWS[1:-1]
        ours = max(single, key=lambda line: self.found[line.row].value("ap"))
        theirs = max(single, key=lambda line: line.paper[1])
        base = self.found[ORACLE_ROWS[0].row].value("ap")
        gains = ", ".join(
            f"{line.label} {100 * (self.found[line.row].value('ap') - base):+.1f}"
            for line in single
        )
        return (
            f"AP gained by a single truth: {gains}. The largest is {_plain(ours)} here and "
            f"{_plain(theirs)} in the paper. {self._semantics()}"
        )

    def _semantics(self) -> str:
        """What perfect semantics are worth under either step D."""
        ours, theirs = (
            mean_gain([(self.found[nothing.row], self.found[known.row])])
            for nothing, known in (ORACLE_ROWS[:2], PAPER_D_ORACLES)
        )
        return (
            f"What perfect semantics are worth depends on step D: {signed(*ours)} AP with the "
            f"preset's, {signed(*theirs)} with the paper's."
        )


def _ranking(row: Row) -> str:
    """What a row is called; Raw of the paper's step D suppresses less and is scored as there."""
    if row.ranking == "segmenter":
        return "Raw, as beside the paper's IO" if row.step_d == "paper" else "Raw"
    return f"{row.step_d}'s IO"


def _departures(settings: Mapping[str, object]) -> str:
    """Where the preset's step D is not the paper's."""
    return ", ".join(
        f"{name} = {settings[name]} for {value}"
        for name, value in PAPER_STEP_D.items()
        if settings[name] != value
    )


def _plain(line: OracleRow) -> str:
    return f"that of {line.label}"


def _describe(samples: Sequence[InstanceSample]) -> str:
    """What the scenes show and what is asked, counted."""
    shown = [Counter(o.class_index for o in s.objects if not o.crowd) for s in samples]
    objects = [sum(kinds.values()) for kinds in shown]
    repeated = np.mean([max(kinds.values(), default=0) > 1 for kinds in shown])
    most = max((max(kinds.values(), default=0) for kinds in shown), default=0)
    asked = [len(sample.asked or ()) for sample in samples]
    absent = 1 - sum(len(kinds) for kinds in shown) / max(sum(asked), 1)
    return (
        f"Objects per scene: {np.mean(objects):.1f} on average, {max(objects)} at most; "
        f"{100 * repeated:.0f} % of the scenes show several of one kind, up to {most}. Asked per "
        f"scene: {np.mean(asked):.1f} names on average, {100 * absent:.0f} % of them absent."
    )


def _direction(low: float, high: float) -> str:
    if low <= 0 <= high:
        return "no clear difference"
    return "as in the paper: IO is better" if low > 0 else "opposite: IO is worse"


def _difference(one: float | None, other: float | None) -> str:
    return "" if one is None or other is None else f"{one - other:+.1f}"
