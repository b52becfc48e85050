"""One array of a reference pack against our own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tolerance:
    """How far an array may be off.

    Attributes:
        limit: largest error, or for "pixels" the largest share of unequal elements.
        kind: "absolute", "relative" (to each element), "row" (to the largest magnitude in its
            row), "set" (rows in any order) or "pixels".
    """

    limit: float
    kind: str = "absolute"

    def error(self, ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> float:
        """The error that `limit` bounds; infinite if the shapes differ."""
        if ours.shape != theirs.shape:
            return float("inf")
        if not ours.size:
            return 0.0
        if self.kind == "pixels":
            return float((ours != theirs).mean())
        if self.kind == "set":
            ours, theirs = (rows[np.lexsort(rows.T)] for rows in (ours, theirs))
        gap = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
        if self.kind == "relative":
            gap = gap / np.abs(theirs)
        if self.kind == "row":
            gap = gap / np.abs(theirs).max(axis=-1, keepdims=True)
        return float(np.nan_to_num(gap, nan=np.inf).max())


@dataclass(frozen=True)
class Comparison:
    """The outcome for one array."""

    name: str
    error: float
    tolerance: Tolerance

    @property
    def passed(self) -> bool:
        """Whether the array is close enough."""
        return self.error <= self.tolerance.limit

    def line(self) -> str:
        """One row of the table."""
        limit = (
            f"{self.tolerance.limit:.0e} {self.tolerance.kind}" if self.tolerance.limit else "exact"
        )
        return f"{'ok  ' if self.passed else 'FAIL'} {self.name:40s} {self.error:9.2e}  ({limit})"
