"""Arrays of a reference pack against our own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tolerance:
    """How far an array may be off.

    Attributes:
        limit: largest error, or for "pixels" the largest share of unequal elements.
        kind: "absolute", "relative" (to each element), "row" (to the largest magnitude in its
            row), "scaled" (to one plus each element's magnitude), "set" (rows in any order) or
            "pixels".
        mean: bound of the mean of these errors as well; beyond it the error is infinite.
    """

    limit: float
    kind: str = "absolute"
    mean: float = float("inf")

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
        if self.kind == "scaled":
            gap = gap / (1 + np.abs(theirs))
        if self.kind == "row":
            gap = gap / np.abs(theirs).max(axis=-1, keepdims=True)
        if gap.mean() > self.mean:
            return float("inf")
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


def compare_all(
    ours: Iterable[tuple[str, Any]],
    theirs: Mapping[str, NDArray[Any]],
    names: Iterable[str],
    tolerance_of: Callable[[str], Tolerance],
) -> Iterator[Comparison]:
    """Compare arrays by name; what we do not make counts as infinitely off.

    Args:
        ours: made from the pack's inputs.
        theirs: the pack's outputs.
        names: those to compare.
        tolerance_of: how far each may be off.
    """
    made = {name: np.asarray(value) for name, value in ours}
    for name in sorted(names):
        tolerance = tolerance_of(name)
        error = tolerance.error(made[name], theirs[name]) if name in made else np.inf
        yield Comparison(name, error, tolerance)


def first_match(rules: Mapping[str, Tolerance]) -> Callable[[str], Tolerance]:
    """Tolerances by name, from patterns of names of which the first that fits holds."""
    return lambda name: next(rule for pattern, rule in rules.items() if fnmatch(name, pattern))


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file."""
    with np.load(file) as arrays:
        return dict(arrays)
