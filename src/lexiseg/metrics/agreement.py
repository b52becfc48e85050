"""How far raters agree (Krippendorff, *Content Analysis*, 2004)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def krippendorff_alpha(
    raters: Sequence[Mapping[str, int]], levels: int, *, ordered: bool = True
) -> float:
    """Krippendorff's alpha; items that only one person rated do not count.

    Args:
        raters: item -> rating in 0..levels - 1, of each person.
        levels: of the scale.
        ordered: squared distance of ratings as disagreement, instead of being unequal.

    Returns:
        1 for perfect agreement, 0 for that of chance; NaN if nothing can be compared or all
        ratings are the same.

    Example:
        >>> krippendorff_alpha([{"a": 0, "b": 3}, {"a": 0, "b": 3}], 4)
        1.0
    """
    pairs = coincidences(raters, levels)
    totals = pairs.sum(axis=1)
    steps = np.arange(levels)
    apart = steps[:, None] - steps
    cost = (apart**2 if ordered else apart != 0).astype(np.float64)
    expected = (np.outer(totals, totals) * cost).sum() / max(totals.sum() - 1, 1)
    return float(1 - (pairs * cost).sum() / expected) if expected else float("nan")


def coincidences(raters: Sequence[Mapping[str, int]], levels: int) -> NDArray[np.float64]:
    """(levels, levels): ordered pairs of ratings of one item, each item weighted by its raters."""
    table = np.zeros((levels, levels))
    for item in sorted({item for ratings in raters for item in ratings}):
        given = [ratings[item] for ratings in raters if item in ratings]
        counts = np.bincount(given, minlength=levels).astype(np.float64)
        if len(given) > 1:
            table += (np.outer(counts, counts) - np.diag(counts)) / (len(given) - 1)
    return table
