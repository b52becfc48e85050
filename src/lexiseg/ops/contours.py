"""Contours of binary masks, as OpenCV's ``findContours`` with the full hierarchy sees them.

Foreground is 8-connected and background 4-connected. Every foreground component has an outer
contour, and every background component that does not reach the image border, a hole, has a
contour of its own, which runs over the foreground pixels around it (Suzuki and Abe, 1985).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BoolArray = NDArray[np.bool_]
LabelArray = NDArray[np.int32]

_EIGHT = np.ones((3, 3), np.int8)


def component_boxes(binary: BoolArray) -> NDArray[np.int64]:
    """Return the bounding box of every contour, holes included.

    Args:
        binary: (H, W) mask; nonzero is foreground.

    Returns:
        (N, 4) int64 boxes ``x0, y0, x1, y1`` with exclusive ends, in ascending order.

    Example:
        >>> ring = np.ones((3, 4), bool)
        >>> ring[1, 1] = False
        >>> component_boxes(ring).tolist()
        [[0, 0, 3, 3], [0, 0, 4, 3]]
    """
    foreground = np.asarray(binary) != 0
    components, _ = ndimage.label(foreground, _EIGHT)
    holes = _label_holes(foreground)
    boxes = [_slices_to_box(found, 0) for found in ndimage.find_objects(components)]
    # The pixels around a hole reach one pixel beyond it on all four sides.
    boxes += [_slices_to_box(found, 1) for found in ndimage.find_objects(holes) if found]
    return np.array(sorted(boxes), np.int64).reshape(-1, 4)


def fill_holes(binary: BoolArray) -> BoolArray:
    """Add the holes of a mask to it.

    Args:
        binary: (H, W) mask; nonzero is foreground.

    Returns:
        (H, W) bool.
    """
    foreground = np.asarray(binary) != 0
    filled: BoolArray = foreground | (_label_holes(foreground) > 0)
    return filled


def contour_pixels(binary: BoolArray) -> BoolArray:
    """Return the pixels that all contours, drawn one pixel thick, run over.

    These are the foreground pixels with a background pixel, or the outside of the image, above,
    below, left or right of them.

    Args:
        binary: (H, W) mask; nonzero is foreground.

    Returns:
        (H, W) bool.
    """
    padded = np.pad(np.asarray(binary) != 0, 1)
    center = padded[1:-1, 1:-1]
    enclosed = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    pixels: BoolArray = center & ~enclosed
    return pixels


def _label_holes(foreground: BoolArray) -> LabelArray:
    """Number the 4-connected background components; those on the image border become 0."""
    labels: LabelArray
    labels, count = ndimage.label(~foreground)
    keep = np.ones(count + 1, np.bool_)
    keep[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        keep[edge] = False
    return np.where(keep[labels], labels, 0)


def _slices_to_box(found: tuple[slice, slice], margin: int) -> tuple[int, int, int, int]:
    rows, columns = found
    return (
        columns.start - margin,
        rows.start - margin,
        columns.stop + margin,
        rows.stop + margin,
    )
