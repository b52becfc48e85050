"""Two predictors on the same pictures: what one finds and the other does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lexiseg.analysis.oracles.classes import OTHER, CaseClasses
from lexiseg.analysis.oracles.error_types import TrueType
from lexiseg.analysis.oracles.helps import BASELINE
from lexiseg.analysis.oracles.judging import TRUE_TYPES
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.analysis.oracles.measures import Measure
from lexiseg.io.record_file import Record
from lexiseg.metrics import bootstrap_interval

_FOUND = TRUE_TYPES.index(TrueType.FOUND)


@dataclass(frozen=True)
class RunComparison:
    """This run against another one.

    Args:
        other: what the other run answers with.
        pictures: that both judged.
        quality: of the other run.
        difference: this run's minus the other's, over the same pictures.
        found: class name -> true segments found by this run and by the other, where they differ.
        only_this: true segments that this run alone finds.
        only_other: that the other one alone finds.
    """

    other: str
    pictures: int
    quality: float
    difference: Estimate
    found: Mapping[str, tuple[int, int]]
    only_this: int
    only_other: int


def compare_runs(
    this: Sequence[Record],
    other: Sequence[Record],
    classes: CaseClasses,
    measure: Measure,
    *,
    source: str,
    seed: int = 0,
    draws: int = 1000,
) -> RunComparison:
    """Compare two runs picture by picture.

    Args:
        this: records of this run.
        other: records of the other, of the same truth.
        classes: of the study.
        measure: what quality is.
        source: what the other run answers with.
        seed: of the bootstrap.
        draws: of the bootstrap.
    """
    names, chosen = classes.names, classes.chosen()["all"]
    theirs = {record["id"]: record for record in other}
    pairs = [(mine, theirs[mine["id"]]) for mine in this if mine["id"] in theirs]
    own, their = (
        measure.gather([pair[side]["runs"][BASELINE] for pair in pairs], len(names) + 1)
        for side in (0, 1)
    )  # one more class: answers of the other run may have names that this one does not know
    once = np.ones((1, len(pairs)), dtype=np.int64)
    value, other_value = (float(tally.values(once, chosen)[0]) for tally in (own, their))
    interval = bootstrap_interval(
        len(pairs),
        lambda w: own.values(w, chosen) - their.values(w, chosen),
        draws=draws,
        seed=seed,
    )
    mine_found, their_found, only = Counter[int](), Counter[int](), Counter[str]()
    for mine, theirs_ in pairs:
        for a, b in zip(mine["true"], theirs_["true"], strict=True):
            mine_found[a[0]] += a[2] == _FOUND
            their_found[b[0]] += b[2] == _FOUND
            only["this"] += a[2] == _FOUND and b[2] != _FOUND
            only["other"] += b[2] == _FOUND and a[2] != _FOUND
    changed = sorted(
        (index for index in {*mine_found, *their_found} if mine_found[index] != their_found[index]),
        key=lambda index: mine_found[index] - their_found[index],
    )
    return RunComparison(
        source,
        len(pairs),
        other_value,
        Estimate(value - other_value, *interval),
        {[*names, OTHER][index]: (mine_found[index], their_found[index]) for index in changed},
        only["this"],
        only["other"],
    )
