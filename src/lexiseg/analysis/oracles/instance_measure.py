"""Average precision of single objects, and what each help would make of it.

Objects overlap, so the helps work on the lists of objects rather than on maps. "Exact outlines" is
the AP at IoU 0.5 alone, as every answer that hits an object would then hit it at all thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lexiseg.analysis.oracles.case import Case, ObjectPair
from lexiseg.analysis.oracles.helps import (
    BASELINE,
    BOUNDARIES,
    NAMES,
    NO_WRONG,
    NONE_MISSED,
    SCORES,
    SELECTION,
)
from lexiseg.analysis.oracles.measures import Answers, Counts
from lexiseg.datasets.sample import TrueObject
from lexiseg.metrics import AREAS, AT_50, IOU_THRESHOLDS, ClassMatches, Found, Matches, mask_ious
from lexiseg.metrics.instances import match_image, mean_precision

GOOD = 0.5
_BITS = 1 << np.arange(len(IOU_THRESHOLDS))


@dataclass(frozen=True)
class InstanceMeasure:
    """COCO's mask AP; counts are objects of a class, then score, hits and ignored of answers."""

    name: str = "AP"
    rules: Sequence[str] = (BOUNDARIES,)

    def runs(self, case: Case, answers: Answers) -> Iterator[tuple[str, Counts]]:
        """See `Measure`; the maps of `answers` are not asked for."""
        pair = case.objects
        assert pair is not None  # such a study has objects
        for name, helped in _helped(pair):
            yield name, _counts(helped)

    def gather(self, counts: Sequence[Counts], classes: int) -> InstanceTally:
        """See `Measure`."""
        by_class: dict[int, dict[int, Matches]] = {}
        for picture, entries in enumerate(counts):
            for number, objects, *cells in entries:
                by_class.setdefault(int(number), {})[picture] = _matches(int(objects), cells)
        found = {c: ClassMatches.gather(own, len(counts)) for c, own in sorted(by_class.items())}
        return InstanceTally(found, classes, len(counts))


@dataclass(frozen=True)
class InstanceTally:
    """See `RunTally`; `columns` are the IoU thresholds that are averaged over."""

    matches: dict[int, ClassMatches]
    classes: int
    pictures: int
    columns: slice = field(default_factory=lambda: slice(None))

    def values(
        self, weights: NDArray[np.number], chosen: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """AP over the classes that the truth shows."""
        kept = range(self.classes) if chosen is None else chosen
        own = [self.matches[number] for number in kept if number in self.matches]
        return mean_precision(own, weights, columns=self.columns)

    def per_class(self) -> NDArray[np.float64]:
        """AP of each class."""
        once = np.ones((1, self.pictures))
        return np.array([float(self.values(once, [c])[0]) for c in range(self.classes)])

    def changed(self, rule: str) -> InstanceTally:
        """Exact outlines."""
        if rule != BOUNDARIES:
            raise ValueError(rule)
        return replace(self, columns=AT_50)


@dataclass(frozen=True)
class _Truth:
    """See `lexiseg.metrics.instances.ImageTruth`."""

    objects: Sequence[TrueObject]
    known: frozenset[int] | None = None
    incomplete: frozenset[int] = frozenset()


def _helped(pair: ObjectPair) -> Iterator[tuple[str, ObjectPair]]:
    """The answers, and what they would be with each help."""
    true = [item for item in pair.true if not item.crowd]
    ious = mask_ious(
        [mask for *_, mask in pair.found], [item.mask for item in true], np.zeros(len(true), bool)
    )
    hits, missed = _hits(pair)
    yield BASELINE, pair
    yield NAMES, replace(pair, found=_named(pair.found, true, ious))
    rows, columns = linear_sum_assignment(-ious)
    fits = ious[rows, columns] > GOOD
    yield SELECTION, replace(pair, found=tuple(pair.found[row] for row in rows[fits]))
    best_first = [
        (c, s + (1.0 if hit else 0.0), m) for (c, s, m), hit in zip(pair.found, hits, strict=True)
    ]
    yield SCORES, replace(pair, found=tuple(best_first))
    right = tuple(one for one, hit in zip(pair.found, hits, strict=True) if hit)
    yield NO_WRONG, replace(pair, found=right)
    left = tuple(item for place, item in enumerate(pair.true) if place not in missed)
    yield NONE_MISSED, replace(pair, true=left)


def _named(
    found: Sequence[Found], true: Sequence[TrueObject], ious: NDArray[np.float64]
) -> tuple[Found, ...]:
    """Answers that overlap an object by more than half have its class."""
    if not true:
        return tuple(found)
    nearest, overlap = ious.argmax(axis=1), ious.max(axis=1)
    return tuple(
        (true[nearest[place]].class_index if overlap[place] > GOOD else number, score, mask)
        for place, (number, score, mask) in enumerate(found)
    )


def _hits(pair: ObjectPair) -> tuple[list[bool], set[int]]:
    """Which answers hit an object or count neither way at IoU 0.5, and places of missed objects."""
    hits, missed = [False] * len(pair.found), set[int]()
    for number in {item.class_index for item in pair.true} | {c for c, *_ in pair.found}:
        own = [place for place, (c, *_) in enumerate(pair.found) if c == number]
        order = sorted(own, key=lambda place: -pair.found[place][1])
        objects = [place for place, item in enumerate(pair.true) if item.class_index == number]
        masks = [pair.found[place][2] for place in order]
        crowd = np.array([pair.true[place].crowd for place in objects], dtype=bool)
        ious = mask_ious(masks, [pair.true[place].mask for place in objects], crowd)
        free = set(range(len(objects)))
        for row, place in zip(ious, order, strict=True):
            best = max(
                (at for at in free if row[at] >= GOOD), key=lambda at: (not crowd[at], row[at]),
                default=None,
            )  # fmt: skip
            hits[place] = best is not None
            if best is not None and not crowd[best]:
                free.discard(best)
        missed |= {objects[at] for at in free if not crowd[at]}
    return hits, missed


def _counts(pair: ObjectPair) -> Counts:
    matches = match_image(pair.found, _Truth(pair.true))
    whole = list(AREAS).index("all")
    rows: Counts = []
    for number, own in matches.items():
        hit, ignored = (_BITS @ part[whole] for part in (own.hit, own.ignored))
        cells = np.stack([own.scores, hit, ignored], axis=1).ravel().tolist()
        rows.append([number, int(own.truths[whole]), *cells])
    return rows


def _matches(objects: int, cells: Sequence[float]) -> Matches:
    """The inverse of a row of `_counts`; only the range "all" of areas is kept."""
    table = np.array(cells, dtype=np.float64).reshape(-1, 3)
    hit, ignored = (
        np.broadcast_to(
            (column.astype(np.int64) & _BITS[:, None]) > 0,
            (len(AREAS), len(IOU_THRESHOLDS), len(table)),
        )
        for column in (table[:, 1], table[:, 2])
    )
    return Matches(table[:, 0], hit, ignored, np.full(len(AREAS), objects))
