"""Which answers about an image are judged: COCO's rules and LVIS's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexiseg.datasets.sample import InstanceSample
from lexiseg.metrics import Matches, Truths, match
from lexiseg.types import Mask

Found = tuple[int, float, Mask]
"""Class index, score and mask of an answer."""


@dataclass(frozen=True)
class InstanceRules:
    """How many answers count.

    Args:
        per_class: best answers of a class per image; None for all.
        per_image: best answers of all classes per image; None for all.
        recall_limits: answers per class and image after which recall is reported, the last of
            which limits nothing more.
    """

    per_class: int | None
    per_image: int | None
    recall_limits: tuple[int, ...]


COCO_RULES = InstanceRules(per_class=100, per_image=None, recall_limits=(1, 10, 100))
LVIS_RULES = InstanceRules(per_class=None, per_image=300, recall_limits=(300,))


def match_image(
    found: Sequence[Found], sample: InstanceSample, rules: InstanceRules
) -> dict[int, Matches]:
    """Match all answers about an image.

    Args:
        found: the answers.
        sample: the truth.
        rules: which of them count.

    Returns:
        Class index -> matches, for every judged class that is shown or answered.
    """
    if rules.per_image is not None:
        found = sorted(found, key=lambda entry: -entry[1])[: rules.per_image]
    shown = {item.class_index for item in sample.objects}
    classes = shown | {number for number, _, _ in found}
    if sample.known is not None:
        classes &= sample.known
    return {number: _match_class(number, found, sample, rules) for number in sorted(classes)}


def _match_class(
    number: int, found: Sequence[Found], sample: InstanceSample, rules: InstanceRules
) -> Matches:
    objects = [item for item in sample.objects if item.class_index == number]
    own = [entry for entry in found if entry[0] == number]
    truths = Truths(
        masks=[item.mask for item in objects],
        areas=np.array([item.area for item in objects], dtype=np.float64),
        crowd=np.array([item.crowd for item in objects], dtype=bool),
        exhaustive=number not in sample.incomplete,
    )
    return match([mask for *_, mask in own], [score for _, score, _ in own], truths,
                 rules.per_class)  # fmt: skip
