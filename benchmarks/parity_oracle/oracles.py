"""Rebuild the oracles on synthetic candidates: maps, panoptic quality, the missed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match, read_arrays
from lexiseg.analysis.oracles.case import CandidateSet, Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.classification import with_true_names
from lexiseg.analysis.oracles.combinations import SELECTIONS, helped_candidates
from lexiseg.analysis.oracles.inference import Inference, Thresholds
from lexiseg.analysis.oracles.missed import Outcome, missed_by_class, outcomes
from lexiseg.analysis.oracles.selection import AssignmentCost, assign, to_be_found
from lexiseg.metrics import SegmentOutcome, panoptic_counts, panoptic_quality
from lexiseg.metrics.panoptic_matching import match_overlaps

MODES = {
    "oracle_select": "selection with void",
    "oracle_select_no_void": "selection",
    "oracle_select_no_void_seg": "selection and masks",
    "oracle_select_no_void_cls": "selection and names",
    "oracle_select_no_void_seg_cls": "selection, masks and names",
}
RULES = {
    "*__pan*": Tolerance(1e-3, "pixels"),
    "*__counts": Tolerance(1e-9),
    "*__quality": Tolerance(1e-9),
    "*": Tolerance(0.0),
}


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return (folder / "oracle_synthetic.json").is_file()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every map, class list, count and quality."""
    pack = OraclePack(folder)
    theirs = {
        **{name: value for name, value in pack.arrays.items() if name[:5] in ("match",)},
        **{name: value for name, value in pack.arrays.items() if "__pan" in name},
        **dict(pack.expected()),
    }
    yield from compare_all(pack.made(), theirs, theirs, first_match(RULES))


class OraclePack:
    """A few pictures with candidates, and what the oracles make of them."""

    def __init__(self, folder: Path) -> None:
        self.arrays = read_arrays(folder / "oracle_synthetic.npz")
        self.settings = json.loads((folder / "oracle_synthetic.json").read_text("utf-8"))
        self.results = self.settings["results"]
        self.classes = self.settings["num_classes"]
        thresholds = Thresholds(
            self.settings["object_mask_threshold"], self.settings["overlap_threshold"]
        )
        things = np.isin(np.arange(self.classes), self.settings["thing_ids"])
        self.infer = Inference(things, thresholds, thresholds)

    def expected(self) -> Iterator[tuple[str, Any]]:
        """The pack's numbers as arrays."""
        for mode in ("baseline", "oracle_cls_final", *MODES):
            found = self.results[mode]
            names = ("PQ", "SQ", "RQ", "PQ_seen", "PQ_unseen")
            yield f"{mode}__quality", np.array([found[name] for name in names])
            rows = [found["per_class"].get(str(c), {}) for c in range(self.classes)]
            kinds = ("iou", "tp", "fp", "fn")
            yield f"{mode}__counts", np.array([[row.get(k, 0) for k in kinds] for row in rows])
            labels = [s["category_id"] for one in found["segments_info"] for s in one]
            yield f"{mode}__classes", np.array(labels)
        split = self.results["fn_split_baseline"]
        yield "fn_split", np.array([split.get(str(c), [0, 0, 0]) for c in range(self.classes)])

    def made(self) -> Iterator[tuple[str, Any]]:
        """Ours under the same names."""
        maps: dict[str, list[Case]] = defaultdict(list)
        missed: list[tuple[int, Outcome]] = []
        for picture in range(len(self.results["gt_segments"])):
            for mode, case in self._answers(picture):
                yield f"{mode}__pan{picture}", case.found.ids
                maps[mode].append(case)
            yield from self._assignment(picture)
        for case in maps["baseline"]:
            matches = match_overlaps(case.overlaps, case.truth.segments, case.found.segments)
            became = outcomes(case.ious, case.truth.segments, matches)
            missed += zip((s.class_index for s in case.truth.segments), became, strict=True)
        yield "fn_split", np.array(missed_by_class(missed, self.classes))
        for mode, cases in maps.items():
            yield from self._numbers(mode, cases)

    def _answers(self, picture: int) -> Iterator[tuple[str, Case]]:
        truth, candidates = self._truth[picture], self._candidates(picture)
        base = self.infer(candidates, truth.size_hw)
        case = Case("", truth, base)
        yield "baseline", case
        named = with_true_names(case.ious, truth.segments, base.segments)
        yield "oracle_cls_final", Case("", truth, CaseMap(base.ids, named))
        true, pairs = self._pairs(picture)
        for mode, name in MODES.items():
            helped = helped_candidates(candidates, truth, true, pairs, SELECTIONS[name])
            found = self.infer(helped, truth.size_hw)
            yield mode, Case("", truth, found)

    @cached_property
    def _truth(self) -> list[CaseMap]:
        rows = enumerate(self.results["gt_segments"])
        return [CaseMap(self.arrays[f"gt{p}"], tuple(map(_segment, own))) for p, own in rows]

    def _candidates(self, picture: int) -> CandidateSet:
        classes, masks = (self.arrays[f"mask_{kind}{picture}"] for kind in ("cls_log", "logits"))
        return CandidateSet.from_logits(torch.from_numpy(classes), torch.from_numpy(masks))

    def _pairs(self, picture: int) -> tuple[list[CaseSegment], Any]:
        weights = self.settings["cost_weights"]
        true = to_be_found(self._truth[picture])
        cost = AssignmentCost(weights["bce"], weights["dice"])
        return true, assign(self._candidates(picture), self._truth[picture], true, cost)

    def _assignment(self, picture: int) -> Iterator[tuple[str, Any]]:
        true, pairs = self._pairs(picture)
        yield f"match_pred{picture}", pairs.candidates
        yield f"match_gt_id{picture}", np.array([true[place].id for place in pairs.segments])

    def _numbers(self, mode: str, cases: list[Case]) -> Iterator[tuple[str, Any]]:
        became = []
        for case in cases:
            true, found = case.truth.segments, case.found.segments
            became.append(
                SegmentOutcome.of(match_overlaps(case.overlaps, true, found), true, found)
            )
        counts = panoptic_counts(became, self.classes)
        seen = self.settings["seen_ids"]
        unseen = sorted(set(range(self.classes)) - set(seen))
        whole = panoptic_quality(counts)
        parts = (float(panoptic_quality(counts, group).pq) for group in (seen, unseen))
        yield f"{mode}__counts", counts
        yield f"{mode}__quality", np.array([whole.pq, whole.sq, whole.rq, *parts])
        yield f"{mode}__classes", np.array([s.class_index for c in cases for s in c.found.segments])


def _segment(row: Any) -> CaseSegment:
    return CaseSegment(row["id"], row["category_id"], row["area"], bool(row["iscrowd"]))
