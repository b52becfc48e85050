"""Answers about single objects, brought together class by class over many images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lexiseg.metrics.average_precision import (
    ClassMatches,
    average_precision,
    average_recall,
    mean_over_classes,
)
from lexiseg.metrics.matching import Matches, Truths, match
from lexiseg.metrics.presence import PresenceCounts, count_presence
from lexiseg.types import Mask

Found: TypeAlias = tuple[int, float, Mask]
"""Class index, score and mask of an answer."""

COCO_LIMIT = 100
"""Best answers of a class that count per image, COCO's rule."""

AT_50, AT_75 = slice(0, 1), slice(5, 6)
"""Columns of the IoU thresholds 0.50 and 0.75."""


class TrueRegion(Protocol):
    """An annotated object, or a crowd region whose matches are neither right nor wrong."""

    @property
    def class_index(self) -> int: ...  # noqa: D102
    @property
    def mask(self) -> Mask: ...  # noqa: D102
    @property
    def area(self) -> float: ...  # noqa: D102
    @property
    def crowd(self) -> bool: ...  # noqa: D102


class ImageTruth(Protocol):
    """What is annotated in an image.

    `known` holds the class indices the annotation speaks of, None all; of those in `incomplete`
    not every object is annotated.
    """

    @property
    def objects(self) -> Sequence[TrueRegion]: ...  # noqa: D102
    @property
    def known(self) -> frozenset[int] | None: ...  # noqa: D102
    @property
    def incomplete(self) -> frozenset[int]: ...  # noqa: D102


def match_image(
    found: Sequence[Found],
    truth: ImageTruth,
    per_class: int | None = COCO_LIMIT,
    per_image: int | None = None,
) -> dict[int, Matches]:
    """Match all answers about an image.

    Args:
        found: the answers.
        truth: of the image.
        per_class: best answers of a class that count; None for all.
        per_image: best answers of all classes that count; None for all.

    Returns:
        Class index -> matches, for every judged class that is shown or answered.
    """
    if per_image is not None:
        found = sorted(found, key=lambda entry: -entry[1])[:per_image]
    judged = {item.class_index for item in truth.objects} | {number for number, *_ in found}
    if truth.known is not None:
        judged &= truth.known
    return {number: _match_class(number, found, truth, per_class) for number in sorted(judged)}


def _match_class(
    number: int, found: Sequence[Found], truth: ImageTruth, limit: int | None
) -> Matches:
    objects = [item for item in truth.objects if item.class_index == number]
    own = [entry for entry in found if entry[0] == number]
    truths = Truths(
        masks=[item.mask for item in objects],
        areas=np.array([item.area for item in objects], dtype=np.float64),
        crowd=np.array([item.crowd for item in objects], dtype=bool),
        exhaustive=number not in truth.incomplete,
    )
    return match([mask for *_, mask in own], [score for _, score, _ in own], truths, limit)


def gather_matches(
    answers: Iterable[Sequence[Found]],
    truths: Iterable[ImageTruth],
    per_class: int | None = COCO_LIMIT,
    per_image: int | None = None,
) -> dict[int, ClassMatches]:
    """Match the answers of all images.

    Args:
        answers: of each image.
        truths: of each, in the same order.
        per_class: see `match_image`.
        per_image: see `match_image`.

    Returns:
        Class index -> its answers over all images, for every class that is shown or answered.
    """
    by_class: dict[int, dict[int, Matches]] = defaultdict(dict)
    images = 0
    for index, (found, truth) in enumerate(zip(answers, truths, strict=True)):
        images = index + 1
        for number, matches in match_image(found, truth, per_class, per_image).items():
            by_class[number][index] = matches
    return {number: ClassMatches.gather(by_class[number], images) for number in sorted(by_class)}


def mean_precision(
    classes: Iterable[ClassMatches],
    weights: NDArray[np.generic],
    *,
    area: str = "all",
    columns: slice = slice(None),
) -> NDArray[np.float64]:
    """COCO's mask AP.

    Args:
        classes: of `gather_matches`.
        weights: (D, images), how often each image counts; one row of ones for the plain number.
        area: a key of `lexiseg.metrics.AREAS`.
        columns: of the IoU thresholds 0.50, 0.55, ... to average over.

    Returns:
        (D,) in [0, 1]; NaN where no object counts.
    """
    counts = weights.astype(np.float64)
    values = [average_precision(one, counts, area=area, columns=columns) for one in classes]
    return mean_over_classes(values, len(weights))


def mean_recall(
    classes: Iterable[ClassMatches], weights: NDArray[np.generic], *, limit: int, area: str = "all"
) -> NDArray[np.float64]:
    """COCO's mask AR after so many answers of a class per image; else as `mean_precision`."""
    counts = weights.astype(np.float64)
    values = [average_recall(one, counts, area=area, limit=limit) for one in classes]
    return mean_over_classes(values, len(weights))


def class_presence(
    found: Collection[int], truth: ImageTruth, asked: Iterable[int]
) -> PresenceCounts:
    """Compare the classes that are answered with those that are there.

    Classes of which only a crowd region is there, and those that the annotation does not speak
    of, count neither way.

    Args:
        found: class indices answered.
        truth: of the image.
        asked: class indices asked for.
    """
    present = {item.class_index for item in truth.objects if not item.crowd}
    judged = set(asked) - ({item.class_index for item in truth.objects} - present)
    if truth.known is not None:
        judged &= truth.known
    return count_presence(judged, present, found)
