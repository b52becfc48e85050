"""Image filters on 8-bit pictures in integer arithmetic, equal to OpenCV's to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError

ByteArray = NDArray[np.uint8]

# OpenCV fixes the kernels of small sizes, in units of 1/256.
_SMALL_KERNELS = {
    1: (256,),
    3: (64, 128, 64),
    5: (16, 64, 96, 64, 16),
    7: (8, 28, 56, 72, 56, 28, 8),
    9: (4, 13, 30, 51, 60, 51, 30, 13, 4),
}


def gaussian_blur(image_u8: ByteArray, size: int = 15) -> ByteArray:
    """Blur with a square Gaussian kernel whose standard deviation follows from its size.

    The standard deviation is ``0.3 ((size - 1) / 2 - 1) + 0.8`` and borders are mirrored without
    repeating the edge pixel. The result equals OpenCV's ``GaussianBlur`` on uint8.

    Args:
        image_u8: (H, W) or (H, W, C) uint8.
        size: width of the kernel in pixels, odd.

    Returns:
        uint8 of the same shape.

    Raises:
        UsageError: if the size is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise UsageError(f"A Gaussian kernel of size {size} was asked for; give an odd size >= 1.")
    kernel = _fixed_point_kernel(size)
    # A kernel sums to 256, so one pass of bytes stays below 2^16 and two below 2^24.
    wide = _convolve(image_u8.astype(np.uint16), kernel, axis=1)
    both = _convolve(wide.astype(np.uint32), kernel, axis=0)
    return ((both + 2**15) >> 16).astype(np.uint8)


def gray(image_u8: ByteArray) -> ByteArray:
    """Weigh the channels by 0.114, 0.587 and 0.299, in this order.

    For an RGB picture this is OpenCV's ``COLOR_BGR2GRAY`` applied without swapping the channels,
    as CaR's visual prompts do.

    Args:
        image_u8: (H, W, 3) uint8.

    Returns:
        (H, W) uint8.
    """
    weights = np.array([3735, 19235, 9798], np.int32)  # in units of 2^-15
    return ((image_u8.astype(np.int32) @ weights + 2**14) >> 15).astype(np.uint8)


def _fixed_point_kernel(size: int) -> tuple[int, ...]:
    """Round a Gaussian to multiples of 1/256, passing each rounding error on to the next tap."""
    if size in _SMALL_KERNELS:
        return _SMALL_KERNELS[size]
    sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
    taps = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
    error, half = 0.0, []
    for tap in taps[: size // 2] / taps.sum() * 256:
        half.append(round(tap + error))
        error += tap - half[-1]
    return (*half, 256 - 2 * sum(half), *reversed(half))


def _convolve(
    values: NDArray[np.unsignedinteger], kernel: tuple[int, ...], axis: int
) -> NDArray[np.unsignedinteger]:
    """Correlate along one axis with a symmetric kernel and mirrored borders."""
    length, radius = values.shape[axis], len(kernel) // 2
    margin = [(radius, radius) if axis == dim else (0, 0) for dim in range(values.ndim)]
    padded = np.moveaxis(np.pad(values, margin, mode="reflect"), axis, 0)
    total = kernel[radius] * padded[radius : radius + length]
    for tap in range(radius):
        mirrored = 2 * radius - tap
        total += kernel[tap] * (padded[tap : tap + length] + padded[mirrored : mirrored + length])
    return np.moveaxis(total, 0, axis)
