"""Class IoU and AP of objects found in images whose truth is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.sample import InstanceSample
from lexiseg.metrics import (
    ClassMatches,
    Matches,
    Truths,
    average_precision,
    match,
    mean_over_classes,
)
from lexiseg.types import Mask

Answer: TypeAlias = tuple[int, float, Mask]  # class index, score, mask
MOST = 100  # answers of a class that count per image, COCO's rule


def class_overlap(found: Collection[int], sample: InstanceSample) -> float:
    """Classes found and there over classes found or there.

    Classes of which only a crowd region is there, and those that the annotation does not speak
    of, count neither way. An image without classes that is answered with none is fully right.

    Args:
        found: class indices.
        sample: the truth.
    """
    there = {item.class_index for item in sample.objects if not item.crowd}
    unclear = {item.class_index for item in sample.objects} - there
    judged = set(found) - unclear
    if sample.known is not None:
        judged &= sample.known
    either = judged | there
    return len(judged & there) / len(either) if either else 1.0


def gather_matches(
    answers: Sequence[Sequence[Answer]], samples: Sequence[InstanceSample]
) -> list[ClassMatches]:
    """Match the answers of all images with the truth, class by class.

    Args:
        answers: of each image.
        samples: the truth of each.

    Returns:
        One for every class that is shown or answered, in no particular order.
    """
    by_class: dict[int, dict[int, Matches]] = defaultdict(dict)
    for image, (found, sample) in enumerate(zip(answers, samples, strict=True)):
        judged = {number for number, *_ in found} | {item.class_index for item in sample.objects}
        for number in judged if sample.known is None else judged & sample.known:
            own = [(score, mask) for other, score, mask in found if other == number]
            by_class[number][image] = _match_class(number, own, sample)
    return [ClassMatches.gather(by_image, len(samples)) for by_image in by_class.values()]


def _match_class(
    number: int, found: Sequence[tuple[float, Mask]], sample: InstanceSample
) -> Matches:
    objects = [item for item in sample.objects if item.class_index == number]
    truths = Truths(
        [item.mask for item in objects],
        np.array([item.area for item in objects], dtype=np.float64),
        np.array([item.crowd for item in objects], dtype=bool),
        exhaustive=number not in sample.incomplete,
    )
    return match([mask for _, mask in found], [score for score, _ in found], truths, MOST)


def mean_precision(
    classes: Sequence[ClassMatches], drawn: NDArray[Any], columns: slice = slice(None)
) -> NDArray[np.float64]:
    """COCO's mask AP.

    Args:
        classes: of `gather_matches`.
        drawn: (D, images), how often each image counts; one row of ones for the plain number.
        columns: of the IoU thresholds 0.50, 0.55, ... to average over.

    Returns:
        (D,) in [0, 1]; NaN where no object counts.
    """
    weights = drawn.astype(np.float64)
    values = [average_precision(one, weights, columns=columns) for one in classes]
    return mean_over_classes(values, len(weights))
