"""Average precision and recall of instances, for the images as they are and drawn anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexiseg.metrics.matching import AREAS, IOU_THRESHOLDS, Matches

RECALLS = np.linspace(0.0, 1.0, 101)
_AREA = {name: index for index, name in enumerate(AREAS)}
_NUMBERS_AT_ONCE = 2**22


@dataclass(frozen=True)
class ClassMatches:
    """The answers of one class over all images, best first; equal scores in order of images.

    Attributes:
        images: (N,) int64, whose answer it is.
        ranks: (N,) int64, its place among those of its image, from 0.
        hit: (areas, thresholds, N) bool, see `Matches`.
        ignored: (areas, thresholds, N) bool.
        truths: (areas, images) int64.
    """

    images: NDArray[np.int64]
    ranks: NDArray[np.int64]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    truths: NDArray[np.int64]

    @classmethod
    def gather(cls, by_image: Mapping[int, Matches], images: int) -> ClassMatches:
        """Bring the images together.

        Args:
            by_image: index of an image -> its matches; images without the class may be absent.
            images: number of all images.
        """
        truths = np.zeros((len(AREAS), images), dtype=np.int64)
        shape = (len(AREAS), len(IOU_THRESHOLDS), 0)
        empty = np.zeros(shape, dtype=bool)
        for index, one in by_image.items():
            truths[:, index] = one.truths
        parts = [by_image[index] for index in sorted(by_image)]
        counts = [len(part.scores) for part in parts]
        owner = np.repeat(np.array(sorted(by_image), dtype=np.int64), counts)
        ranks = np.concatenate([[], *(np.arange(count) for count in counts)]).astype(np.int64)
        scores = np.concatenate([np.zeros(0), *(part.scores for part in parts)])
        order = np.argsort(-scores, kind="stable")
        hit = np.concatenate([empty, *(part.hit for part in parts)], axis=-1)
        ignored = np.concatenate([empty, *(part.ignored for part in parts)], axis=-1)
        return cls(owner[order], ranks[order], hit[..., order], ignored[..., order], truths)


Weights = NDArray[np.float64]


def average_precision(
    matches: ClassMatches,
    weights: Weights,
    *,
    area: str = "all",
    columns: slice = slice(None),
) -> NDArray[np.float64]:
    """Precision at 101 recalls, averaged, as COCO and LVIS have it.

    Args:
        matches: of one class.
        weights: (D, images) float64, how often each image counts; one row of ones for the plain
            number.
        area: a key of `AREAS`.
        columns: of the thresholds to compute.

    Returns:
        (D, thresholds) float64 in [0, 1]; NaN where no object counts.
    """
    hits, ignored = matches.hit[_AREA[area], columns], matches.ignored[_AREA[area], columns]
    total = weights @ matches.truths[_AREA[area]].astype(np.float64)
    values = np.full((len(weights), len(hits)), np.nan)
    if not total.any():
        return values
    for rows in _chunks(len(weights), len(matches.images)):
        answers = weights[rows][:, matches.images]
        given: dict[bytes, NDArray[np.float64]] = {}  # thresholds mostly ignore the same answers
        for threshold, (hit, void) in enumerate(zip(hits, ignored, strict=True)):
            if void.tobytes() not in given:
                given[void.tobytes()] = np.cumsum(np.where(void, 0, answers), axis=1)
            values[rows, threshold] = _area_under(
                answers[:, hit], given[void.tobytes()][:, hit], total[rows]
            )
    return np.where(total[:, None] > 0, values, np.nan)


def _area_under(
    right: NDArray[np.float64], given: NDArray[np.float64], total: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Area under the curve, which only moves where an answer is right.

    Args:
        right: (D, hits), weights of the answers that are right, best first.
        given: (D, hits), weight of all counted answers up to each of them.
        total: (D,), weight of the objects.
    """
    found = np.cumsum(right, axis=1)
    precision = found / (given + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / np.maximum(total, 1)[:, None]
    passed = np.searchsorted(RECALLS, recall, side="right")
    steps = np.diff(passed, prepend=0, axis=1)
    area: NDArray[np.float64] = (envelope * steps).sum(axis=1) / len(RECALLS)
    return area


def average_recall(
    matches: ClassMatches, weights: Weights, *, area: str = "all", limit: int | None = None
) -> NDArray[np.float64]:
    """Share of objects that are hit.

    Args:
        matches: of one class.
        weights: (D, images) float64, how often each image counts.
        area: a key of `AREAS`.
        limit: only so many best answers of the class per image.

    Returns:
        (D, thresholds) float64 in [0, 1]; NaN where no object counts.
    """
    hit = matches.hit[_AREA[area]]
    if limit is not None:
        hit = hit & (matches.ranks < limit)
    images = weights.shape[1]
    per_image = np.stack([np.bincount(matches.images[row], minlength=images) for row in hit])
    total = weights @ matches.truths[_AREA[area]].astype(np.float64)
    found = weights @ per_image.T.astype(np.float64)
    return np.where(total[:, None] > 0, found / np.maximum(total, 1)[:, None], np.nan)


def mean_over_classes(values: Sequence[NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    """(rows,) mean of (rows, thresholds) arrays over thresholds and the classes with objects."""
    if not values:
        return np.full(rows, np.nan)
    stacked = np.stack([value.mean(axis=1) for value in values])
    known = ~np.isnan(stacked)
    mean: NDArray[np.float64] = np.where(known, stacked, 0).sum(axis=0) / known.sum(axis=0).clip(1)
    return np.where(known.any(axis=0), mean, np.nan)


def _chunks(rows: int, columns: int) -> list[slice]:
    """Slices of rows that keep rows x columns within bounds."""
    step = max(1, _NUMBERS_AT_ONCE // max(columns, 1))
    return [slice(start, start + step) for start in range(0, rows, step)]
