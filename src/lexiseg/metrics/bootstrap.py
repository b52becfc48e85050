"""How far a number would move with other images: the bootstrap.

The percentiles are bias-corrected (Efron, 1981): a mean over classes of which many are shown in
one or two images only is larger in most drawings than in the whole set.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

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
        >>> bool(low < values.mean() < high)
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
    shift = 2 * _bias(values, float(statistic(np.ones((1, items), dtype=np.int64))[0]))
    tail = ndtri((1 - confidence) / 2)
    low, high = np.quantile(values, ndtr([shift + tail, shift - tail]))
    return float(low), float(high)


def _bias(values: NDArray[np.float64], observed: float) -> float:
    """Where the observed value lies among the drawn ones, in standard deviations; ties are half."""
    below = np.count_nonzero(values < observed) + np.count_nonzero(values == observed) / 2
    return float(ndtri(np.clip(below / values.size, 1 / values.size, 1 - 1 / values.size)))
