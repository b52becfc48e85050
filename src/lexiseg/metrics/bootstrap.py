"""How far a number would move with other images: percentile bootstrap (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def bootstrap_interval(
    items: int,
    statistic: Statistic,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of a statistic when the images are drawn anew with replacement.

    Args:
        items: number of images.
        statistic: takes (D, items) int64 weights, how often each image was drawn, and returns
            (D,) values; a sum over images is one matrix product.
        draws: number of drawings.
        confidence: share of drawings inside the interval.
        seed: of the drawings.

    Returns:
        (low, high); NaN if there are no images or no value is defined.

    Example:
        >>> values = np.arange(100.0)
        >>> low, high = bootstrap_interval(100, lambda weights: weights @ values / 100)
        >>> low < values.mean() < high
        True
    """
    if not items:
        return (float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(items, np.full(items, 1 / items), size=draws)
    values = statistic(weights)
    values = values[np.isfinite(values)]
    if not values.size:
        return (float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
