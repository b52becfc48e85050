"""Names that a text encoder hardly tells apart: no picture can help a predictor that asks both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.perfect_masks import RegionEncoder, Wording, class_texts


@dataclass(frozen=True)
class NearNames:
    """Two classes.

    Args:
        first: name of one.
        second: name of the other.
        cosine: of their nearest texts.
        confused: how often one was answered for the other.
    """

    first: str
    second: str
    cosine: float
    confused: int


def near_names(
    encoder: RegionEncoder,
    classes: CaseClasses,
    confused: Sequence[tuple[str, str, int]],
    *,
    wording: Wording = "ensemble",
    most: int = 20,
) -> list[NearNames]:
    """The nearest pairs of classes, the nearest first.

    Args:
        encoder: reads texts.
        classes: with their synonyms; two are as near as their nearest synonyms.
        confused: true class, answered class, how often.
        wording: one sentence or fourteen.
        most: so many pairs.
    """
    texts, owner = class_texts(encoder, classes, wording)
    cosines = (texts @ texts.T).numpy()
    count = len(classes)
    nearest = np.full((count, count), -np.inf)
    np.maximum.at(nearest, (owner[:, None], owner[None, :]), cosines)
    pairs = [(nearest[a, b], a, b) for a in range(count) for b in range(a + 1, count)]
    ranked = sorted((pair for pair in pairs if np.isfinite(pair[0])), key=lambda pair: -pair[0])
    names, times = classes.names, Counter[frozenset[str]]()
    for true, answered, number in confused:
        times[frozenset((true, answered))] += number
    return [
        NearNames(
            names[a], names[b], round(float(cosine), 4), times[frozenset((names[a], names[b]))]
        )
        for cosine, a, b in ranked[:most]
    ]
