"""The record of one picture: every oracle's outcome, and the type of every error.

A record is plain data, small beside the picture, and all numbers of a report are sums over records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lexiseg.analysis.oracles.candidates import GOOD, CandidateFates
from lexiseg.analysis.oracles.case import CandidateSet, Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.classification import with_merged_stuff, with_true_names
from lexiseg.analysis.oracles.combinations import SELECTIONS, helped_candidates
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.error_types import FoundType, TrueType, found_types, true_verdicts
from lexiseg.analysis.oracles.helps import BASELINE, BIAS, CANDIDATE_NAMES, NAMES, NO_VOID
from lexiseg.analysis.oracles.inference import Inference
from lexiseg.analysis.oracles.measures import Measure
from lexiseg.analysis.oracles.selection import Assignment, assign, to_be_found
from lexiseg.io.record_file import Record
from lexiseg.metrics.panoptic_matching import SegmentMatches, match_overlaps

TRUE_TYPES, FOUND_TYPES = tuple(TrueType), tuple(FoundType)
CROWD = -1  # in place of a type
BINS = 20  # of the histograms of void's probability


@dataclass(frozen=True)
class Judge:
    """Makes records.

    Args:
        classes: of the study.
        config: its settings.
        measure: what quality is.
        infer: what the predictor makes of its candidates.
    """

    classes: CaseClasses
    config: OracleConfig
    measure: Measure
    infer: Inference

    def __call__(self, case: Case) -> Record:
        """The record of a picture.

        Returns:
            ``true``: per true segment [class, annotated area, type, other class, best IoU of an
            answer, rank of the first candidate that fits]; ``found``: per answered segment [class,
            type]; ``confused``: [true class, answered class] of every overlap above one half;
            ``runs``: per oracle the counts of `Measure`; ``fell_back`` where masks were too small
            for an encoder's grid; with candidates ``void`` (two histograms),
            ``surplus`` (true segments beyond the candidates) and ``wordings``.
        """
        case = replace(case, void_in_union=self.config.void_in_union)
        matches = match_overlaps(case.overlaps, case.truth.segments, case.found.segments)
        fates = self._fates(case)
        record = {
            "true": self._true(case, matches, fates),
            "found": self._found(case, matches),
            "confused": _confused(case),
            "runs": dict(self.measure.runs(case, partial(self._answers, fates=fates))),
        }
        if case.found.fell_back:
            record["fell_back"] = case.found.fell_back
        return record if fates is None else record | self._about(case, fates)

    def _fates(self, case: Case) -> CandidateFates | None:
        if case.candidates is None:
            return None
        division = self.infer.division(case.candidates, case.truth.size_hw)
        return CandidateFates.of(case.candidates, case.truth, division)

    def _true(
        self, case: Case, matches: SegmentMatches, fates: CandidateFates | None
    ) -> list[list[float]]:
        verdicts = true_verdicts(case, matches, fates)
        ranks = [-1] * len(verdicts) if fates is None else fates.ranks()
        best = case.ious.max(axis=1, initial=0)
        rows = zip(case.truth.segments, verdicts, best, ranks, strict=True)
        return [
            [
                segment.class_index,
                segment.area,
                CROWD if verdict is None else TRUE_TYPES.index(verdict.kind),
                -1 if verdict is None else verdict.other,
                round(float(iou), 4),
                rank,
            ]
            for segment, verdict, iou, rank in rows
        ]

    def _found(self, case: Case, matches: SegmentMatches) -> list[list[int]]:
        types = found_types(case, matches)
        pairs = zip(case.found.segments, types, strict=True)
        return [[segment.class_index, FOUND_TYPES.index(kind)] for segment, kind in pairs]

    def _answers(
        self, case: Case, fates: CandidateFates | None = None
    ) -> Iterator[tuple[str, CaseMap]]:
        """The answer, and what it would be with the help of each oracle."""
        yield BASELINE, case.found
        named = with_true_names(case.ious, case.truth.segments, case.found.segments)
        found = CaseMap(case.found.ids, named)
        yield (
            NAMES,
            with_merged_stuff(found, self.classes.things) if self.config.remerge_stuff else found,
        )
        if case.candidates is not None and fates is not None:
            yield from self._of_candidates(case.candidates, case.truth, fates)

    def _of_candidates(
        self, candidates: CandidateSet, truth: CaseMap, fates: CandidateFates
    ) -> Iterator[tuple[str, CaseMap]]:
        true, size = to_be_found(truth), truth.size_hw
        pairs = assign(candidates, truth, true, self.config.cost)
        for name, given in SELECTIONS.items():
            helped = helped_candidates(candidates, truth, true, pairs, given)
            yield name, self.infer(helped, size, no_void=given.drop_void)
        yield NO_VOID, self.infer(candidates.without_void(), size, no_void=True)
        known = _with_known_names(candidates, truth, true, pairs, fates)
        yield CANDIDATE_NAMES, self.infer(known, size)
        for bias in (0.0, *self.config.biases):
            yield BIAS.format(bias), self.infer(candidates.with_void_bias(bias), size)

    def _about(self, case: Case, fates: CandidateFates) -> Record:
        good: NDArray[np.bool_] = np.any(fates.good, axis=0)
        number = len(fates.score)
        return {
            "void": [_histogram(fates.void[good]), _histogram(fates.void[~good])],
            "candidates": number,
            "surplus": max(0, len(to_be_found(case.truth)) - number),
            "wordings": _wordings(case, fates),
        }


def _with_known_names(
    candidates: CandidateSet,
    truth: CaseMap,
    true: list[CaseSegment],
    pairs: Assignment,
    fates: CandidateFates,
) -> CandidateSet:
    """Candidates that fit the segment they are assigned to have its class, and nothing else."""
    classes, void = candidates.classes.clone(), candidates.void.clone()
    places = {segment.id: place for place, segment in enumerate(truth.segments)}
    for candidate, number in zip(*pairs, strict=True):
        if fates.ious[places[true[number].id], candidate] > GOOD:
            classes[candidate], void[candidate] = 0, 0
            classes[candidate, true[number].class_index] = 1
    return CandidateSet(candidates.masks, classes, void)


def _confused(case: Case) -> list[list[int]]:
    """[true class, answered class] of every pair that overlaps by more than half."""
    pairs = np.argwhere(case.ious > GOOD).tolist()
    true, found = case.truth.segments, case.found.segments
    return [[true[t].class_index, found[a].class_index] for t, a in pairs]


def _histogram(values: NDArray[np.float64]) -> list[int]:
    counts, _ = np.histogram(values, bins=BINS, range=(0, 1))
    return [int(count) for count in counts]


def _wordings(case: Case, fates: CandidateFates) -> list[list[object]]:
    """[true class, wording that won, 1 if the class is right, times] of candidates that fit."""
    candidates = case.candidates
    if candidates is None or not candidates.wordings:
        return []
    labels = candidates.classes.argmax(dim=1).tolist()
    seen = Counter[tuple[int, str, int]]()
    for t, q in np.argwhere(fates.good).tolist():
        true = case.truth.segments[t].class_index
        seen[true, candidates.wordings[q], int(labels[q] == true)] += 1
    return [[*key, times] for key, times in seen.items()]
