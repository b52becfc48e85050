"""The page that shows the paper's oracles in miniature, with every ordering tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lexiseg.analysis.oracles.findings import heading
from lexiseg.analysis.oracles.helps import (
    BASELINE,
    NAMES,
    SELECTION,
    WITH_BOTH,
    WITH_MASKS,
    WITH_NAMES,
    WITH_VOID,
)
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.analysis.oracles.summary import FEW, LOW_RECALL, ClassLine
from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.evaluation.protocol import Protocol
from lexiseg.replication.oracles.calibration import Calibration
from lexiseg.replication.oracles.claims import GROUPS, all_claims
from lexiseg.replication.oracles.kinds import MEANINGS, kinds_of_names
from lexiseg.replication.oracles.numbers import RowNumbers
from lexiseg.replication.oracles.plots import milestones
from lexiseg.replication.oracles.rows import (
    FC_CLIP,
    HOME,
    IN_DOMAIN,
    MAFT_PLUS,
    SYSTEMS,
    TABLE_1,
    TRAINED_AWAY,
    VALIDATION,
    Row,
)
from lexiseg.replication.oracles.verdicts import Verdicts, points, signed_points
from lexiseg.replication.oracles.worker import OVERLAP
from lexiseg.replication.page import opening, percent, provenance, table_row

_SETTINGS = ("short_side", "min_score", "min_overlap", "alpha", "beta", "templates")
_ANSWERS: Mapping[str, str] = {
    BASELINE: "as it is",
    NAMES: "true names on the final map",
    WITH_VOID: "best candidates, no object still a choice",
    SELECTION: "best candidates, no object no choice",
    WITH_MASKS: "... with true masks",
    WITH_NAMES: "... with true names",
    WITH_BOTH: "... with both",
}
_TABLES: Mapping[int, tuple[str, tuple[str, ...]]] = {
    2: ("Table 2: true names on the final map", (NAMES,)),
    3: ("Table 3: the best candidates", (WITH_VOID, SELECTION)),
    4: (
        "Table 4: the best candidates with true masks or names",
        (WITH_MASKS, WITH_NAMES, WITH_BOTH),
    ),
}
WORST = 12  # classes in a table


@dataclass(frozen=True)
class OraclesPage:
    """Everything the page says.

    Args:
        command: that generates it.
        protocol: of the bundled FC-CLIP.
        other: of the bundled MAFT+.
        numbers: of each row.
        dataset: scenes of the test.
        steps: that the bundled decoders learned for.
    """

    command: str
    protocol: Protocol
    other: Protocol
    numbers: Mapping[Row, RowNumbers]
    dataset: MiniworldSegments
    steps: int

    def to_markdown(self, few_labels: str | None = None, progress: str | None = None) -> str:
        """The page.

        Args:
            few_labels: file with the curve of Figure 4, beside it.
            progress: file with Figure 1, beside it.
        """
        parts = (
            self._head(),
            self._encoders(),
            self._oracles(),
            self._missed(),
            self._kinds(),
            self._few_labels(few_labels),
            self._calibrated(),
            self._directions(),
            _progress(progress),
        )
        return "\n".join([line for part in parts for line in (*part, "")])

    @property
    def verdicts(self) -> Verdicts:
        """What is so here of the paper's findings."""
        return Verdicts(self.numbers)

    @property
    def trained_away(self) -> Mapping[int, Estimate]:
        """Steps of Figure 4 -> PQ of decoders that learned policy A for as many."""
        return {steps: self.numbers[row].quality() for steps, row in TRAINED_AWAY.items()}

    def curve(self, ensemble: bool) -> Mapping[int, Estimate]:
        """Pictures of policy B -> PQ."""
        return {
            row.lesson.pictures: self.numbers[row].quality()
            for row in IN_DOMAIN[ensemble]
            if row.lesson is not None
        }

    def _head(self) -> Iterator[str]:
        yield from opening(
            "What holds back open-vocabulary segmentation, in miniature", self.command
        )
        yield (
            "The oracles of the paper with a small FC-CLIP and a small MAFT+ on Miniworld instead "
            "of COCO and ADE20K. They learned label policy A and are measured under policy B, "
            "whose names are finer, coarser, other or novel. Compare directions, not heights: "
            "another world, other weights. The paper numbers its findings 1 to 5; the words of the "
            "headings are this page's own, drawn from its tables."
        )
        yield ""
        scenes, counts = self.protocol.images, self.numbers[FC_CLIP].classes
        yield (
            f"- Scenes: {scenes} of Miniworld {self.protocol.split} with 2 to 6 things, a fifth of "
            "them novel; pictographs, backgrounds and looks were held out from training."
        )
        yield (
            f"- Classes: {len(counts)} of policy B, all asked at once; {sum(counts.seen)} are "
            "seen: their names are names of policy A letter by letter."
        )
        yield (
            "- PQ in points with 95 % bootstrap intervals over scenes; beside it the paper's (all "
            "/ seen / unseen)."
        )
        yield from provenance(self.protocol, _SETTINGS, "Settings", "sentences")
        settings = ", ".join(f"{name} = {self.other.settings[name]}" for name in _SETTINGS[:3])
        weights = next(iter(self.other.weights.values()), "")
        yield f"- MAFT+: {weights}; {settings}, names that see cells as its paper says."

    def _encoders(self) -> Iterator[str]:
        yield from (f"## {heading(1)}", "", "### Table 1: true masks, named by encoders alone", "")
        yield from (self.verdicts.text(1), "")
        yield (
            "Sizes are in the paper's proportions (512, 640, 800). The transformers learned from "
            "captions of whole pictures; the ConvNeXt had no time for that and learned the names "
            "of true regions. The paper's rows beside them: OpenCLIP ViT-B/16, CLIP ViT-B/16, "
            "OpenCLIP ConvNeXt-B."
        )
        yield ""
        yield table_row(["encoder", "pixels", *GROUPS, "paper"])
        yield table_row(["---"] * 6)
        for row in TABLE_1:
            yield table_row([row.label, str(row.side), *self._cells(row, BASELINE)])

    def _cells(self, row: Row, run: str) -> list[str]:
        found = [self.numbers[row].quality(run, group) for group in GROUPS]
        theirs = row.paper.get(run)
        paper = "" if theirs is None else " / ".join(f"{value:g}" for value in theirs)
        return [*map(points, found), paper]

    def _oracles(self) -> Iterator[str]:
        for number, (title, runs) in _TABLES.items():
            yield from (
                f"## {heading(number)}",
                "",
                f"### {title}",
                "",
                self.verdicts.text(number),
                "",
            )
            yield table_row(["answer", "system", *GROUPS, "paper"])
            yield table_row(["---"] * 6)
            for run in (BASELINE, *runs):
                for row in SYSTEMS:
                    yield table_row([_ANSWERS[run], row.label, *self._cells(row, run)])
            if number < max(_TABLES):
                yield ""

    def _missed(self) -> Iterator[str]:
        rival = self.numbers[IN_DOMAIN[True][-1]]
        at_home = {line.index: line.split.tp for line in rival.lines}
        lines = [line for line in self.numbers[FC_CLIP].lines if line.true >= FEW]
        poor = [line for line in lines if line.recall < LOW_RECALL]
        drops = sorted(poor, key=lambda line: line.split.tp - at_home.get(line.index, 0))
        title = "### Table 5 and Figure 5: what became of missed segments"
        yield from (f"## {heading(5)}", "", title, "", self.verdicts.text(5), "")
        yield (
            f"Of {len(lines)} classes with {FEW} segments or more, {len(poor)} have a recall below "
            f"{LOW_RECALL:.0%}; those that lose most against decoders trained on "
            f"{HOME[-1].pictures} pictures of policy B come first. Marked are classes whose "
            "labels seem to follow another policy: not segmented, and swallowed by one other class."
        )
        yield ""
        yield table_row(
            [
                *("class", "kind", "FN_seg", "FN_cls", "TP", "TP of MAFT+", "TP in domain"),
                *("swallowed by", "policy"),
            ]
        )
        yield table_row(["---"] * 9)
        for line in drops[:WORST]:
            yield table_row(self._missed_row(line, at_home.get(line.index, 0)))
        yield ""
        for row in SYSTEMS:
            seg, cls, tp = self.verdicts.split(row)
            yield f"- All classes together, {row.label}: {seg} FN_seg, {cls} FN_cls, {tp} TP."

    @property
    def _found_by_maft(self) -> Mapping[int, int]:
        return {line.index: line.split.tp for line in self.numbers[MAFT_PLUS].lines}

    def _missed_row(self, line: ClassLine, at_home: int) -> list[str]:
        names, split = self.dataset.classes.names, line.split
        swallower = names[line.swallower] if line.swallower >= 0 else ""
        other = self._found_by_maft.get(line.index, 0)
        counts = map(str, (split.fn_seg, split.fn_cls, split.tp, other, at_home))
        kind = kinds_of_names()[names[line.index]]
        return [names[line.index], kind, *counts, swallower, "another" if line.conflict else ""]

    def _kinds(self) -> Iterator[str]:
        kinds, names = kinds_of_names(), self.dataset.classes.names
        yield from ("### Which names cost FC-CLIP most", "")
        yield table_row(["names of policy B", "segments", "found", "wrong name", "not segmented"])
        yield table_row(["---"] * 5)
        for kind, meaning in MEANINGS.items():
            own = [x.split for x in self.numbers[FC_CLIP].lines if kinds[names[x.index]] == kind]
            total = max(1, sum(map(sum, own)))
            shares = [sum(part) / total for part in zip(*own, strict=True)] if own else [0.0] * 3
            seg, cls, tp = (f"{share:.0%}" for share in shares)
            yield table_row([f"{kind}: {meaning}", str(total if own else 0), tp, cls, seg])

    def _few_labels(self, plot: str | None) -> Iterator[str]:
        yield from ("### Figure 4: how many labels of policy B are worth as much", "")
        yield (
            f"FC-CLIP's decoders, begun with the bundled ones ({self.steps:,} steps under policy A "
            "and 8 pictures each), learned on under policy B, on so many pictures; the last ones "
            "for longer, to see each picture once. Beside them stand decoders that learned policy "
            "A for as many steps. In the paper, whose in-domain models begin without COCO, some "
            "300 pictures are worth as much as COCO's labels."
        )
        yield ""
        yield table_row(
            ["pictures of policy B", "steps", "with CLIP", "decoder alone", "policy A instead"]
        )
        yield table_row(["---"] * 5)
        for mixed, alone in zip(IN_DOMAIN[True], IN_DOMAIN[False], strict=True):
            assert mixed.lesson is not None
            count, steps = mixed.lesson.pictures, mixed.lesson.steps
            found = [self.numbers[row].quality() for row in (mixed, alone)]
            cells = map(points, (*found, self.trained_away[steps]))
            yield table_row([f"{count:,}", str(steps), *cells])
        if plot:
            yield from ("", f"![PQ by labelled pictures]({plot})")

    def _calibrated(self) -> Iterator[str]:
        found = Calibration(self.numbers[VALIDATION], self.numbers[FC_CLIP])
        yield from ("## Beyond the paper: another balance of no object", "")
        yield (
            "A bias of the logit of no object, and the share of its mask that a candidate must "
            f"win (FC-CLIP: {OVERLAP:g}), are chosen on {len(found.chosen_on.records)} scenes of "
            "validation, under policy A and with its names; policy B is not looked at."
        )
        yield ""
        yield table_row(["bias", "overlap", "validation, policy A", "test, policy B"])
        yield table_row(["---"] * 4)
        for balance, (before, here) in found.curve.items():
            mark = " (chosen)" if balance == found.balance else ""
            cells = (f"{balance[0]:+g}{mark}", f"{balance[1]:g}", percent(before), percent(here))
            yield table_row(cells)
        yield ""
        yield table_row(["test, policy B", "gain in points"])
        yield table_row(["---"] * 2)
        for label, gain in found.parts.items():
            yield table_row([label, signed_points(gain)])
        yield ""
        reached = "reached" if found.share >= 0.5 else "missed"
        yield (
            f"Goal, half of the gap that the selection oracle opens: {reached} "
            f"({_share(found.share)} of it)."
        )
        if found.share < 0.5 and found.names.value > found.gap.value:
            yield ""
            yield (
                "A balance cannot do more here: even the best one of these very scenes, or no "
                "object left out altogether, stays below the oracle, while true names for "
                "candidates that fit would be worth "
                f"{signed_points(found.names)} without any selection: what is kept instead of "
                "discarded mostly has a wrong name, and wins pixels from what is right."
            )

    def _directions(self) -> Iterator[str]:
        yield from ("## Directions", "")
        yield table_row(["table", "what the paper finds", "here", "paper", "direction"])
        yield table_row(["---"] * 5)
        causes: list[str] = []
        for claim in all_claims():
            found = claim.measured(self.numbers)
            theirs = "" if claim.paper is None else f"{claim.paper:+.1f}"
            word = _direction(found)
            yield table_row([claim.table, claim.says, signed_points(found), theirs, word])
            if word != _AS_THERE and claim.cause:
                causes.append(claim.cause)
        if causes:
            head = "What may be behind directions that are missing or turned around (not tested):"
            yield from ("", head, "")
            yield from (f"- {cause}" for cause in dict.fromkeys(causes))


_AS_THERE = "as in the paper"


def _direction(found: Estimate) -> str:
    if not found.low * found.high > 0:
        return "no clear difference"
    return _AS_THERE if found.low > 0 else "turned around"


def _share(value: float) -> str:
    return "no part" if value != value else f"{value:.0%}"


def _progress(plot: str | None) -> Sequence[str]:
    rows = [
        table_row(
            [
                f"{m.year:.1f}",
                m.system,
                f"{m.quality:g}",
                m.labels,
                m.source + "*" * (not m.at_hand),
            ]
        )
        for m in milestones()
    ]
    return [
        "## Figure 1: progress",
        "",
        "Published PQ on ADE20K; own: trained on its labels. *: quoted from the paper that is "
        "named, which was not at hand to check it.",
        "",
        table_row(["year", "system", "PQ", "labels", "source"]),
        table_row(["---"] * 5),
        *rows,
        *(["", f"![Progress over the years]({plot})"] if plot else []),
    ]
