"""The run lengths in which Label Studio stores brush strokes: packed bits of variable width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError

_CHANNELS = 4  # red, green, blue, alpha; the mask is in all, and alpha is what counts
_WIDTHS = (3, 4, 8, 16)  # bits of a length less one
_LONGEST = 1 << _WIDTHS[-1]

Bytes = Sequence[int] | NDArray[np.integer]


def decode_brush(packed: Bytes, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Alpha of a brush region.

    The stream is a count of 32 bits, five bits for the width of a value, four times four bits
    for widths of lengths, then blocks: one bit (run or literal), two bits that choose the width
    of the length, the length less one, and one value or as many as the length says. What follows
    the count is padding. (The format is rle-pack of the thi.ng collection, which the program
    uses for RGBA pixels in rows.)

    Args:
        packed: bytes, 0 to 255.
        size_hw: (height, width) of the picture.

    Returns:
        (H, W) uint8, 0 where nothing was painted and up to 255 where it was.

    Raises:
        UsageError: the stream is of another size, or ends early.
    """
    bits = _Bits(packed)
    expected = size_hw[0] * size_hw[1] * _CHANNELS
    count = bits.read(32)
    if count != expected:
        raise UsageError(
            f"A brush mask of {count} values was given; expected {expected}, for a picture of "
            f"{size_hw[1]}x{size_hw[0]} pixels."
        )
    width = bits.read(5) + 1
    lengths = [bits.read(4) + 1 for _ in range(4)]
    values = np.empty(count, np.uint8)
    place = 0
    while place < count:
        repeats, choice = bits.read(1), bits.read(2)
        end = min(place + bits.read(lengths[choice]) + 1, count)
        if repeats:
            values[place:end] = bits.read(width) & 255
        else:
            values[place:end] = bits.read_many(end - place, width)
        place = end
    return values.reshape(*size_hw, _CHANNELS)[..., 3]


def encode_brush(alpha: NDArray[np.uint8]) -> list[int]:
    """The stream for a mask, byte for byte the one that the program's own library writes.

    Like that library it ends with at least one bit of padding, so that a stream which fills its
    last byte has a byte 0 behind it.

    Args:
        alpha: (H, W) uint8, 255 inside the region.

    Returns:
        Bytes, 0 to 255.

    Example:
        >>> encode_brush(np.array([[0, 255, 255], [0, 0, 255]], np.uint8))
        [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    """
    values = alpha.ravel()
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    lengths = _CHANNELS * np.diff(np.append(starts, values.size))
    widths = "".join(f"{width - 1:04b}" for width in _WIDTHS)
    head = f"{_CHANNELS * values.size:032b}{7:05b}{widths}"
    pairs = zip(lengths.tolist(), values[starts].tolist(), strict=True)
    bits = head + "".join(_run(length, value) for length, value in pairs)
    bits += "0" * (8 - len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _run(length: int, value: int) -> str:
    """Blocks of one run; all of a run that is split have the widest length."""
    if length > _LONGEST:
        whole, rest = divmod(length - 1, _LONGEST)
        return _block(_LONGEST, value, 3) * whole + _block(rest + 1, value, 3)
    return _block(length, value, next(i for i, w in enumerate(_WIDTHS) if length <= 2**w))


def _block(length: int, value: int, choice: int) -> str:
    return f"1{choice:02b}{length - 1:0{_WIDTHS[choice]}b}{value:08b}"


class _Bits:
    """Bits of bytes, the highest of each byte first."""

    def __init__(self, packed: Bytes) -> None:
        self._bytes = np.asarray(packed, dtype=np.uint8).tobytes()
        self._place = 0

    def read(self, width: int) -> int:
        """The next number of so many bits."""
        first, last = self._advance(width)
        covering = int.from_bytes(self._bytes[first // 8 : (last + 7) // 8], "big")
        return covering >> (-last % 8) & ((1 << width) - 1)

    def read_many(self, count: int, width: int) -> NDArray[np.int64]:
        """The lowest eight bits of several numbers."""
        first, last = self._advance(count * width)
        covering = np.frombuffer(self._bytes[first // 8 : (last + 7) // 8], np.uint8)
        bits = np.unpackbits(covering)[first % 8 :][: count * width].reshape(count, width)
        lowest = bits[:, -8:].astype(np.int64)
        numbers: NDArray[np.int64] = lowest @ (1 << np.arange(lowest.shape[1])[::-1])
        return numbers

    def _advance(self, length: int) -> tuple[int, int]:
        first, last = self._place, self._place + length
        if last > 8 * len(self._bytes):
            raise UsageError("A brush mask ends before its picture is full.")
        self._place = last
        return first, last
