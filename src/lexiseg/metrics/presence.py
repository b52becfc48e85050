"""Presence: does an answer name what is in the image, and only that?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PresenceCounts:
    """Asked names by (present in the truth, kept in the answer); sums with ``+``."""

    both: int = 0
    only_kept: int = 0
    only_present: int = 0
    neither: int = 0

    def __add__(self, other: PresenceCounts) -> PresenceCounts:
        return PresenceCounts(
            self.both + other.both,
            self.only_kept + other.only_kept,
            self.only_present + other.only_present,
            self.neither + other.neither,
        )

    @property
    def precision(self) -> float:
        """Share of kept names that are there; NaN if nothing was kept."""
        return _ratio(self.both, self.both + self.only_kept)

    @property
    def recall(self) -> float:
        """Share of names there that were kept; NaN if nothing was there."""
        return _ratio(self.both, self.both + self.only_present)

    @property
    def overlap(self) -> float:
        """Share of names kept and there among those kept or there; 1 if there are none."""
        either = self.both + self.only_kept + self.only_present
        return self.both / either if either else 1.0

    @property
    def mcc(self) -> float:
        """Matthews correlation in [-1, 1]; 0 where it is undefined."""
        return float(matthews(np.array(self.counts)))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """The four numbers in the order of the fields."""
        return self.both, self.only_kept, self.only_present, self.neither


def count_presence(
    asked: Collection[int], present: Collection[int], kept: Collection[int]
) -> PresenceCounts:
    """Compare two sets of names in one image.

    Args:
        asked: class numbers that were asked.
        present: those in the truth.
        kept: those in the answer.

    Example:
        >>> count_presence({1, 2, 3}, {1}, {1, 2})
        PresenceCounts(both=1, only_kept=1, only_present=0, neither=1)
    """
    asked, present, kept = set(asked), set(present) & set(asked), set(kept) & set(asked)
    both = len(present & kept)
    either = len(present | kept)
    return PresenceCounts(both, len(kept) - both, len(present) - both, len(asked) - either)


def matthews(counts: NDArray[np.generic]) -> NDArray[np.float64]:
    """Matthews correlation of (..., 4) counts in the order of `PresenceCounts`; 0 if undefined."""
    both, only_kept, only_present, neither = np.moveaxis(counts.astype(np.float64), -1, 0)
    margins = (both + only_kept) * (only_present + neither)
    scale = np.sqrt(margins * (both + only_present) * (only_kept + neither))
    agreement = both * neither - only_kept * only_present
    return np.where(scale > 0, agreement / np.maximum(scale, 1), 0.0)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
