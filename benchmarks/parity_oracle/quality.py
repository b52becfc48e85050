"""Rebuild panopticapi's numbers from files in COCO's panoptic layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match
from lexiseg.analysis.oracles.case import CaseMap
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.inputs.coco_panoptic import PanopticFile
from lexiseg.metrics import PanopticQuality, panoptic_quality

SAMPLE = Path("data/oracle/panopticapi_sample/panoptic_examples.json")  # beside the packs
RULES = {"*": Tolerance(1e-9)}


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return (folder / "pq_expected.json").is_file()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare counts and qualities; panopticapi's own pictures only where they are at hand."""
    expected = json.loads((folder / "pq_expected.json").read_text("utf-8"))
    for name, numbers in expected.items():
        truth = _truth(folder, name)
        if truth is not None:
            file = PanopticFile.open(truth)
            theirs = dict(_theirs(name, numbers, file.classes))
            ours = _ours(name, file, _answers(folder, name), file.classes)
            yield from compare_all(ours, theirs, theirs, first_match(RULES))


def _truth(folder: Path, name: str) -> Path | None:
    if not name.startswith("sample"):
        return folder / f"pq_{name}_gt.json"
    places = (parent / SAMPLE for parent in folder.resolve().parents)
    return next((place for place in places if place.is_file()), None)


def _answers(folder: Path, name: str) -> PanopticFile | None:
    """The answer; None where the truth is scored against itself."""
    if name.endswith("identity"):
        return None
    stem = "pq_sample_pred" if name.startswith("sample") else f"pq_{name}_pred"
    return PanopticFile.open(folder / f"{stem}.json")


def _theirs(name: str, numbers: Any, classes: CaseClasses) -> Iterator[tuple[str, Any]]:
    for group in ("All", "Things", "Stuff"):
        found = numbers[group]
        yield f"{name}__{group}", np.array([found[key] for key in ("pq", "sq", "rq", "n")])
    rows = [numbers["stats"].get(str(number), {}) for number in classes.numbers]
    kinds = ("iou", "tp", "fp", "fn")
    yield f"{name}__counts", np.array([[row.get(kind, 0) for kind in kinds] for row in rows])


def _ours(
    name: str, truth: PanopticFile, answers: PanopticFile | None, classes: CaseClasses
) -> Iterator[tuple[str, Any]]:
    running = PanopticQuality(len(classes))
    for number in truth.records:
        true = truth.truth(number)
        found = _shown(true) if answers is None else answers.answer(number, classes)
        running.update(true.ids, true.segments, found.ids, found.segments)
    things = np.flatnonzero(classes.things).tolist()
    stuff = np.flatnonzero(~classes.things).tolist()
    for group, chosen in (("All", None), ("Things", things), ("Stuff", stuff)):
        yield f"{name}__{group}", np.array(panoptic_quality(running.counts, chosen), dtype=float)
    yield f"{name}__counts", running.counts


def _shown(truth: CaseMap) -> CaseMap:
    """The truth as an answer, which lists only what its map shows."""
    present = set(np.unique(truth.ids).tolist())
    return CaseMap(truth.ids, tuple(item for item in truth.segments if item.id in present))
