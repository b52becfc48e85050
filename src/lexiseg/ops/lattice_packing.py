"""Integer names for the vertices of the permutohedral lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError

IntArray = NDArray[np.int64]

_INT64_BITS = 63


@dataclass(frozen=True)
class Packing:
    """Mixed-radix layout of lattice coordinates ``1..d`` and the remainder class in one integer.

    Coordinate 0 is implied, since the coordinates of a lattice point sum to zero. The remainder
    class is the most significant digit, so that shifting a class by a constant keeps its order.

    Attributes:
        strides: value of one step of each coordinate ``0..d`` (0 for the implied coordinate).
        class_stride: value of one remainder class, i.e. the size of the coordinate space.
        origin: smallest coordinate represented, per coordinate.
    """

    strides: tuple[int, ...]
    class_stride: int
    origin: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Number of bits that every key fits in."""
        return (self.class_stride * len(self.strides)).bit_length()

    def step(self, direction: int, remainder: int) -> int:
        """Return what to add to a key of this remainder class to move along a direction."""
        if remainder < len(self.strides) - 1:
            return self.class_stride - self.strides[direction]
        wrap = sum(self.strides) - self.strides[direction]
        return wrap - remainder * self.class_stride

    @classmethod
    def covering(cls, low: Sequence[int], high: Sequence[int]) -> Packing:
        """Lay out all vertices around cells from ``low`` to ``high``, and their neighbors.

        Raises:
            UsageError: if they are more than 63 bits can number.
        """
        # A vertex lies up to one step below its cell, a neighbor one step beyond on either side.
        strides, stride = [0], 1
        for least, most in zip(low[1:], high[1:], strict=True):
            strides.append(stride)
            stride *= most - least + 4
        packing = cls(tuple(strides), stride, tuple(least - 2 for least in low))
        if packing.bits > _INT64_BITS:
            raise UsageError(
                f"The features span {packing.bits} bits of lattice coordinates but at most "
                f"{_INT64_BITS} can be numbered; use larger standard deviations."
            )
        return packing

    def can_join(self, count: int) -> bool:
        """Tell whether a key and an index below ``count`` fit in one integer together."""
        return self.bits + count.bit_length() <= _INT64_BITS

    def join(self, keys: IntArray) -> IntArray:
        """Append its index to each key, so that one in-place sort replaces an argsort."""
        return (keys << keys.size.bit_length()) | np.arange(keys.size)

    def split(self, joined: IntArray) -> tuple[IntArray, IntArray]:
        """Undo `join`; return keys and indices."""
        bits = joined.size.bit_length()
        return joined >> bits, joined & ((1 << bits) - 1)
