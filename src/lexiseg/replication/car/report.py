"""The page that shows a replication beside the paper, with every difference tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets import SemanticDataset
from lexiseg.evaluation.protocol import Protocol
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import Summary
from lexiseg.evaluation.tasks.semantic import Parts, mean_iou_of, parts_per_image, summarize
from lexiseg.metrics import bootstrap_interval
from lexiseg.replication.car.tables import (
    AFFINITY,
    BASE,
    FULL,
    SINGLE_STEP,
    UNJUDGED,
    ReferringRow,
    Row,
    Table,
)
from lexiseg.replication.page import (
    opening,
    provenance,
    published,
    signed,
    table_row,
    with_interval,
)

UNCLEAR = "no clear difference"
_GOALS = (("mIoU of the base setting", 50.0), ("mIoU above no recurrence (T = 1)", 10.0))
_GOAL_MCC = 0.7
_SETTINGS = (
    "proposals", "eta", "theta", "lam", "prompts", "affinity", "refinements", "attention_blocks",
    "background", "background_factor", "templates", "max_steps", "reject_all",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One row of Tables 2 to 6 and what was measured for it."""

    table: Table
    row: Row
    records: Sequence[Record]
    dataset: SemanticDataset

    @cached_property
    def summary(self) -> Summary:
        """Numbers and intervals."""
        return summarize(self.records, self.dataset)

    @cached_property
    def parts(self) -> Parts:
        """What mIoU is made of, per scene."""
        counted = self.dataset.counts_background
        return parts_per_image(self.records, len(self.dataset.classes), count_background=counted)

    def difference(self, base: Finding) -> tuple[float, float, float]:
        """mIoU minus that of another row on the same scenes, with its paired 95 % interval."""

        def statistic(weights: NDArray[np.number]) -> NDArray[np.float64]:
            return mean_iou_of(weights, self.parts) - mean_iou_of(weights, base.parts)

        value = float(statistic(np.ones((1, len(self.records))))[0])
        return (value, *bootstrap_interval(len(self.records), statistic))


@dataclass(frozen=True)
class ReferringFinding:
    """One row of Table 7 and what was measured for it."""

    row: ReferringRow
    summary: Summary


@dataclass(frozen=True)
class ReplicationReport:
    """Everything the page says.

    Args:
        command: that generates it.
        protocol: of the base setting.
        tables: rows in order of table.
        referring: rows of Table 7.
    """

    command: str
    protocol: Protocol
    tables: Sequence[Finding]
    referring: Sequence[ReferringFinding]

    def to_markdown(self) -> str:
        """The page."""
        lines = [*self._head(), *self._goals()]
        for _, group in groupby(self.tables, key=lambda finding: finding.table.number):
            lines += self._table(list(group))
        return "\n".join([*lines, *self._referring(), ""])

    def _head(self) -> list[str]:
        terms = self.protocol
        return [
            *opening("Replication in miniature", self.command),
            "The ablations of Sun et al., *CLIP as RNN* (CVPR 2024), with the bundled small CLIP "
            "pair on Miniworld instead of OpenAI's CLIP on Pascal VOC. Compare directions, not "
            "heights: another world, other weights. TIDES has [a page of its own]"
            "(replication-tides.md).",
            "",
            f"- Scenes: {terms.images} of Miniworld {terms.split}; pictographs, backgrounds "
            "and looks were held out from training, and no setting was chosen on these scenes.",
            "- Asked per scene: 20 things, those visible and otherwise absent ones (never fewer "
            "than half). Stuff is background, as in VOC-21.",
            "- mIoU: one confusion matrix over all scenes, mean over the classes in the truth, "
            "background counted as a class; in percent, with the 95 % bootstrap interval over "
            "scenes.",
            "- Presence MCC: Matthews correlation of kept and visible names over all questions.",
            "- Against base (or the row named): difference of mIoU on the same scenes, with its "
            "paired interval. "
            "Direction: whether its sign is that of the paper; *no clear difference* where the "
            "interval holds 0.",
            *provenance(terms, _SETTINGS, "Base setting", "sentences"),
            "",
        ]

    def _goals(self) -> list[str]:
        base = self.tables[0]
        single = self._found(SINGLE_STEP)
        miou = 100 * base.summary.scores["miou"]
        gain = -100 * single.difference(base)[0]
        mcc = base.summary.scores["presence_mcc"]
        rows = [
            (name, value, goal, ".1f")
            for (name, goal), value in zip(_GOALS, (miou, gain), strict=True)
        ]
        rows.append(("presence MCC of the base setting", mcc, _GOAL_MCC, ".2f"))
        return [
            "| goal | at least | measured | reached |",
            "| --- | --- | --- | --- |",
            *(
                f"| {name} | {goal:{form}} | {value:{form}} | {'yes' if value >= goal else 'no'} |"
                for name, value, goal, form in rows
            ),
            "",
        ]

    def _table(self, findings: Sequence[Finding]) -> Iterator[str]:
        table = findings[0].table
        yield f"## Table {table.number}: {table.title}"
        yield ""
        yield "| setting | paper, VOC mIoU | mIoU | presence MCC | against base | direction |"
        yield "| --- | --- | --- | --- | --- | --- |"
        of_label = {finding.row.label: finding for finding in findings}
        for finding in findings:
            yield _line(finding, of_label[finding.row.against])
        yield ""
        if table.note:
            yield table.note
            yield ""
        if table.number == 2:
            yield from self._reading()

    def _found(self, label: str) -> Finding:
        return next(finding for finding in self.tables if finding.row.label == label)

    def _reading(self) -> Iterator[str]:
        """What recurrence, judge and refinements are worth, put into words."""
        base, single, unjudged = self.tables[0], self._found(SINGLE_STEP), self._found(UNJUDGED)
        yield (
            f"Recurrence {_worth(base.difference(single))}: the base setting against one judged "
            f"step. The judge {_worth(single.difference(unjudged))}: one judged step against none."
        )
        yield ""
        boxes, once, twice = (self._found(label) for label in AFFINITY)
        yield (
            f"Refining by affinity: the first time {_worth(once.difference(boxes))}, the second "
            f"time {_worth(twice.difference(once))}. `python -m benchmarks.car_attention` measures "
            "the maps themselves and where the attention goes, block by block."
        )
        yield ""

    def _referring(self) -> Iterator[str]:
        yield "## Table 7: referring segmentation"
        yield ""
        yield (
            "Per object: one mask from all its sentences (the protocol of the paper). Per "
            "sentence: one mask for each (that of most other work)."
        )
        yield ""
        yield "| sentences | paper, mIoU | per object mIoU | per object cIoU | per sentence mIoU |"
        yield "| --- | --- | --- | --- | --- |"
        for finding in self.referring:
            scores, intervals = finding.summary.scores, finding.summary.intervals
            cells = (
                finding.row.label,
                published(finding.row.paper),
                with_interval(scores["object_miou"], intervals["object_miou"]),
                f"{100 * scores['object_ciou']:.1f}",
                with_interval(scores["sentence_miou"], intervals["sentence_miou"]),
            )
            yield table_row(cells)


def _worth(difference: tuple[float, float, float]) -> str:
    value, low, high = (100 * part for part in difference)
    points = signed(value, low, high)
    if low > 0:
        return f"gains {points}"
    return f"costs {points}" if high < 0 else f"changes nothing clearly, {points}"


def _line(finding: Finding, base: Finding) -> str:
    scores, intervals = finding.summary.scores, finding.summary.intervals
    low, high = intervals["presence_mcc"]
    cells = [
        finding.row.label,
        published(finding.row.paper),
        with_interval(scores["miou"], intervals["miou"]),
        f"{scores['presence_mcc']:.2f} ({low:.2f} to {high:.2f})",
    ]
    if finding.records == base.records:
        cells += ["" if finding is base else "identical answers", ""]
    else:
        value, low, high = finding.difference(base)
        named = "" if base.row.label == BASE else f", against {base.row.label}"
        cells += [signed(100 * value, 100 * low, 100 * high) + named]
        cells += [_direction(finding.row.paper, low, high)]
    return table_row(cells)


def _direction(paper: float | None, low: float, high: float) -> str:
    if low <= 0 <= high:
        return UNCLEAR
    ours = 1 if low > 0 else -1
    if paper is None:
        return "better" if ours > 0 else "worse"
    if paper == FULL:
        return f"{'better' if ours > 0 else 'worse'}; the same setting in the paper"
    return "same" if (paper > FULL) == (ours > 0) else "opposite"
