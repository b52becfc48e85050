"""What labels mean, and which to believe: Tables 1, 6 and 7 of zero-guidance in miniature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from lexiseg.evaluation.tasks.self_named.scoring import MIN_TEXT
from lexiseg.evaluation.tasks.self_named.thresholds import CLIP_SWEEP, TEXT_SWEEP, Curve, Sweep
from lexiseg.replication.zero_guidance.numbers import Finding, measured
from lexiseg.replication.zero_guidance.worker import FULL, ROWS, ZEROCAP

UNREADABLE = float("nan")  # cells that are lost in the paper's text
PAPER: Mapping[Sweep, Mapping[str, Curve]] = {
    CLIP_SWEEP: {
        "paper, PC-59": (19.6, UNREADABLE, 19.6, UNREADABLE, UNREADABLE, 2.2, 0.0, 0.0),
        "paper, PAS-20": (20.1, UNREADABLE, 20.1, UNREADABLE, UNREADABLE, 4.2, 0.0, 0.0),
    },
    TEXT_SWEEP: {
        "paper, PC-59": (8.1, 8.1, 8.2, 9.4, 11.2, 11.4, 9.8, 8.6, 6.5, 5.6, 5.3),
        "paper, PAS-20": (11.2, 11.2, 11.6, 16.0, 23.9, 27.3, 24.2, 21.5, 15.3, 12.0, 11.2),
    },
}
PAPER_WORDS = (19.3, 18.0, 11.2, 10.3, 19.0)  # Table 1, constant thresholds, and Table 3
COLUMNS = ("iou", "recall", "tt_iou", "tt_recall", "quality")


@dataclass(frozen=True)
class Words:
    """The part of the page about words.

    Args:
        found: what was measured for each row, by its key.
    """

    found: Mapping[str, Finding]

    def comparison(self) -> Iterator[str]:
        """Lines about ST beside TT."""
        spoken = self.found[ZEROCAP.key]
        scenes = len(spoken.records)
        full = self.found[FULL.key]
        yield "## Table 1: what CLIP sees (ST) and what words mean (TT)"
        yield ""
        yield (
            f"TT moves a segment to the class whose name its label means, from cosine {MIN_TEXT} "
            "on; text quality is the share of true regions whose label means their class, above "
            "that. The text tower of the bundled CLIP compares texts in the place of "
            "Sentence-BERT, which is not bundled; `lexiseg evaluate zero-guidance --dataset "
            "miniworld --set decoder=zerocap --sentences DIR -o runs/words` takes one. The word "
            "list holds the class names, so that TT finds there what ST finds. ZeroCap writes "
            "words of its own with the small GPT-2, which takes most of a second for each segment "
            f"and is measured on the first {scenes} scenes."
        )
        yield ""
        yield "| words of the full method | scenes | ST IoU | Recall | TT IoU | Recall | quality |"
        yield f"|{' --- |' * 7}"
        rows = (
            ("word list", full),
            ("word list", full.first(scenes)),
            ("ZeroCap", spoken),
        )
        for label, finding in rows:
            cells = [label, str(len(finding.records))]
            cells += [measured(finding, name) for name in COLUMNS]
            yield f"| {' | '.join(cells)} |"
        yield f"| paper, PC-59 | 1000 | {' | '.join(f'{value:.1f}' for value in PAPER_WORDS)} |"

    @cached_property
    def sweeps(self) -> Mapping[Sweep, Mapping[str, Curve]]:
        """Our curves and the paper's."""
        rows = {TEXT_SWEEP: (FULL, ZEROCAP), CLIP_SWEEP: ROWS}
        return {
            sweep: {row.label: self.found[row.key].curve(sweep) for row in rows[sweep]}
            | dict(PAPER[sweep])
            for sweep in rows
        }

    def thresholds(self, plot: str | None) -> Iterator[str]:
        """Lines about thresholds; `plot` is the file with the curves, beside the page."""
        for sweep, curves in self.sweeps.items():
            yield f"## {sweep.title}"
            yield ""
            yield from sweep.table(curves)
            yield ""
        if plot:
            yield f"![IoU by threshold]({plot})"
            yield ""
        yield (
            "IoU in percent when segments below the threshold stay without a class; the paper's "
            "empty cells are lost in its text. A segment without a class takes its class out of "
            "the answer, so that IoU rises as long as the doubtful segments are mostly wrong."
        )
