"""Binary masks as run lengths: compact in memory, exact, and what COCO files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError


@dataclass(frozen=True, eq=False)
class Mask:
    """One binary mask in COCO's run-length form.

    Args:
        size_hw: (height, width) in pixels.
        counts: int64 run lengths down the columns, starting with the run of zeros.

    Example:
        >>> import numpy as np
        >>> mask = Mask.from_array(np.eye(3, dtype=bool))
        >>> mask.area, mask.bbox
        (3, (0, 0, 3, 3))
    """

    size_hw: tuple[int, int]
    counts: NDArray[np.int64]

    @classmethod
    def from_array(cls, array: NDArray[np.generic]) -> Mask:
        """Encode an array.

        Args:
            array: (H, W) bool, or anything whose non-zero pixels are the mask.

        Raises:
            UsageError: the array is not two-dimensional.
        """
        if array.ndim != 2:
            raise UsageError(f"A mask must have shape (height, width); got {array.shape}.")
        flat = np.asarray(array, dtype=bool).ravel(order="F")
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        edges = np.concatenate([[0], changes, [flat.size]]).astype(np.int64)
        counts = np.diff(edges)
        if flat.size and flat[0]:
            counts = np.concatenate([np.zeros(1, np.int64), counts])
        return cls((int(array.shape[0]), int(array.shape[1])), counts)

    def to_array(self) -> NDArray[np.bool_]:
        """Decode to (H, W) bool."""
        values = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(values, self.counts).reshape(self.size_hw, order="F")

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.counts[1::2].sum())

    @cached_property
    def bbox(self) -> tuple[int, int, int, int]:
        """Tight box (x, y, width, height) in pixels; all zero for an empty mask."""
        ends = np.cumsum(self.counts)
        starts, stops = ends[::2][: len(ends) // 2], ends[1::2]
        filled = stops > starts
        if not filled.any():
            return (0, 0, 0, 0)
        starts, stops = starts[filled], stops[filled]
        height = self.size_hw[0]
        left, right = starts[0] // height, (stops[-1] - 1) // height
        wraps = starts // height != (stops - 1) // height
        if wraps.any():
            top, bottom = 0, height - 1
        else:
            top, bottom = (starts % height).min(), ((stops - 1) % height).max()
        return (int(left), int(top), int(right - left + 1), int(bottom - top + 1))

    def to_coco(self) -> dict[str, object]:
        """COCO's compressed form: ``{"size": [height, width], "counts": str}``."""
        return {"size": list(self.size_hw), "counts": _compress(self.counts)}

    @classmethod
    def from_coco(cls, rle: Mapping[str, Any]) -> Mask:
        """Read COCO's form, compressed (string or bytes) or not (list of lengths).

        Raises:
            UsageError: the run lengths do not fill the size.
        """
        try:
            height, width = (index(side) for side in rle["size"])
            counts = _expand(rle["counts"])
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise UsageError(
                "A run-length mask needs 'size': [height, width] and 'counts' (text or a list)."
            ) from error
        pixels = height * width
        # Each length is bounded first, so that no sum can wrap around to the right number.
        bounded = min(height, width) >= 0 and ((counts >= 0) & (counts <= pixels)).all()
        if not bounded or sum(counts.tolist()) != pixels:
            raise UsageError(
                f"The runs of a run-length mask do not fill its size of {height}x{width} pixels."
            )
        return cls((height, width), counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return self.size_hw == other.size_hw and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.size_hw, self.counts.tobytes()))

    def __repr__(self) -> str:
        return f"Mask(size_hw={self.size_hw}, area={self.area})"


def _compress(counts: NDArray[np.int64]) -> str:
    """COCO's text: five bits a character, lengths from the third on as differences."""
    lengths = counts.tolist()
    text = bytearray()
    for position, length in enumerate(lengths):
        value = length - lengths[position - 2] if position > 2 else length
        more = True
        while more:
            chunk = value & 0x1F
            value >>= 5
            more = value != -1 if chunk & 0x10 else value != 0
            text.append((chunk | 0x20 if more else chunk) + 48)
    return text.decode("ascii")


def _expand(counts: str | bytes | list[int]) -> NDArray[np.int64]:
    if not isinstance(counts, str | bytes):
        return np.array([index(length) for length in counts], dtype=np.int64)
    text = counts.encode("ascii") if isinstance(counts, str) else counts
    lengths: list[int] = []
    value, shift = 0, 0
    for byte in text:
        chunk = byte - 48
        value |= (chunk & 0x1F) << shift
        shift += 5
        if chunk & 0x20:
            if shift > 60:
                raise ValueError("a run of more pixels than a picture can have")
            continue
        if chunk & 0x10:
            value -= 1 << shift
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
        value, shift = 0, 0
    return np.asarray(lengths, dtype=np.int64)
