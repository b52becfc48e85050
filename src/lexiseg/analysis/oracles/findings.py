"""The paper's five findings, asked of any predictor, and the ways on that its numbers speak for.

The paper numbers its findings; the words here are our own, drawn from its Tables 1 to 5 and
Figures 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexiseg.analysis.oracles.error_types import TrueType
from lexiseg.analysis.oracles.helps import (
    BOUNDARIES,
    CANDIDATE_NAMES,
    NAMES,
    SELECTION,
    WITH_MASKS,
    WITH_NAMES,
    WITH_VOID,
)
from lexiseg.analysis.oracles.levers import Lever
from lexiseg.analysis.oracles.tables import interval, signed, total_split, total_types

if TYPE_CHECKING:
    from lexiseg.analysis.oracles.report import OracleReport

CLAIMS = (
    "with true masks a plain encoder names more than whole systems do",
    "wrong names for good segments cost many points",
    "good candidates are there and are thrown away as no object",
    "true masks help seen classes most, true names make all classes alike",
    "what is missed is mostly not segmented at all, rarely misnamed",
)
EVIDENCE = (
    "PQ 41.8 of a ConvNeXt-L on true masks, 26.8 of FC-CLIP and 26.9 of MAFT+ (Tables 1 and 2)",
    "+13.0 and +12.3 PQ by true names on the final map (Table 2)",
    "+9.9 and +6.8 PQ by the best candidates, but -4.9 and -1.5 while no object is a choice (Table "
    "3)",
    "beside the best candidates, true masks give +17.1 and +20.4 on seen classes, +11.0 and +17.3 "
    "on unseen ones; with true names both are within 3 points (Table 4)",
    "of FC-CLIP's worst classes 1213 of 1240 lights and 708 of 786 paintings, which COCO labels by "
    "another policy; some 300 labelled pictures of the target are worth as much as COCO (Table 5, "
    "Figures 4 and 5)",
)
"""What the paper's tables say of each, FC-CLIP first, MAFT+ second."""
WHOSE_WORDS = "The paper numbers five findings; the words are our own, drawn from its tables."
MANY = 0.1  # share of the true segments from which on a type of error speaks


@dataclass(frozen=True)
class PaperFinding:
    """A finding of the paper, and what a predictor's numbers say to it.

    Args:
        number: 1 to 5.
        here: what was measured.
        holds: whether it is so here as well; None where that was not measured.
    """

    number: int
    here: str
    holds: bool | None

    @property
    def title(self) -> str:
        """As a heading."""
        return heading(self.number)

    @property
    def text(self) -> str:
        """The paper's evidence, and what was found here."""
        verdict = {True: "So here", False: "Not so here", None: "Here"}[self.holds]
        return f"Paper: {EVIDENCE[self.number - 1]}. {verdict}: {self.here}."


def heading(number: int) -> str:
    """A finding as a heading, e.g. of the replication's page."""
    return f"Finding {number}: {CLAIMS[number - 1]}"


def findings(report: OracleReport) -> list[PaperFinding]:
    """All five."""
    levers = {lever.name: lever for lever in report.levers}
    return [
        _masks(levers), _names(levers), _choice(levers), _groups(levers), _missed(report),
    ]  # fmt: skip


def _masks(levers: Mapping[str, Lever]) -> PaperFinding:
    if WITH_MASKS in levers:
        more = levers[WITH_MASKS].value - levers[SELECTION].value
        return PaperFinding(1, f"true masks add {signed(more)} to the best candidates", more > 0)
    if BOUNDARIES not in levers:
        return PaperFinding(1, "not measured", None)
    gain = _gain(levers[BOUNDARIES])
    return PaperFinding(
        1, f"exact outlines of what is found give {gain}, the rest is not known", None
    )


def _names(levers: Mapping[str, Lever]) -> PaperFinding:
    lever = levers[NAMES]
    return PaperFinding(2, f"true names on the final map give {_gain(lever)}", lever.gain.low > 0)


def _choice(levers: Mapping[str, Lever]) -> PaperFinding:
    if SELECTION not in levers or WITH_VOID not in levers:
        return PaperFinding(3, "not measured, the candidates are not known", None)
    free, bound = levers[SELECTION], levers[WITH_VOID]
    holds = free.gain.low > 0 and free.value > bound.value
    return PaperFinding(3, f"{_gain(free)}, and {_gain(bound)} while no object is a choice", holds)


def _groups(levers: Mapping[str, Lever]) -> PaperFinding:
    known = all(name in levers for name in (SELECTION, WITH_MASKS, WITH_NAMES))
    if not known or "unseen" not in levers[SELECTION].groups:
        return PaperFinding(
            4, "not measured, which needs candidates and the names of training", None
        )
    selection, masks, names = (levers[name].groups for name in (SELECTION, WITH_MASKS, WITH_NAMES))
    seen, unseen = (masks[group] - selection[group] for group in ("seen", "unseen"))
    by_names = (signed(names[group] - selection[group]) for group in ("seen", "unseen"))
    here = (
        f"true masks give {signed(seen)} on seen classes and {signed(unseen)} on unseen ones, true "
        f"names {' and '.join(by_names)}"
    )
    return PaperFinding(4, here, seen > unseen)


def _missed(report: OracleReport) -> PaperFinding:
    split, conflicts = total_split(report.classes), report.conflicts
    listed = ", ".join(f"{name} in {other}" for name, other in conflicts[:5])
    policies = f"; swallowed as if by another policy: {listed}" if conflicts else ""
    here = f"{split.fn_seg} segments are not segmented, {split.fn_cls} misnamed{policies}"
    return PaperFinding(5, here, split.fn_seg > split.fn_cls if sum(split) > split.tp else None)


def directions(report: OracleReport) -> list[str]:
    """Which of the ways on that the paper's Section 5 names these numbers speak for."""
    return list(_directions(report)) or ["None of them in particular."]


def _directions(report: OracleReport) -> Iterator[str]:
    types = total_types(report.classes)
    number = max(1, sum(types.values()))
    if report.conflicts:
        yield (
            f"Unify or map label policies, or give guidelines or exemplars with a name: "
            f"{len(report.conflicts)} classes look as if labelled by another policy."
        )
    never = types[TrueType.NEVER_PROPOSED] / number
    if never > MANY:
        yield (
            f"Proposals that know the names asked: {never:.0%} of the segments were never proposed."
        )
    levers = {lever.name: lever for lever in report.levers}
    names = levers.get(CANDIDATE_NAMES, levers[NAMES])
    if names.gain.low > 0:
        yield (
            "Better text encoders, those of language models for one: "
            f"{names.title} give {_gain(names)}."
        )


def _gain(lever: Lever) -> str:
    held = interval(lever.gain, difference=True)
    return signed(lever.gain.value) + (f" ({held})" if held else "")
