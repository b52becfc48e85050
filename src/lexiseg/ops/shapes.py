"""Outlines of the shapes that labelling programs draw: boxes, turned boxes, circles, ellipses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]

_CHORD = 0.01  # pixels that the straight edges of a drawn ellipse may lie inside it


def box_ring(left: float, top: float, right: float, bottom: float) -> Ring:
    """The four corners of a box, (4, 2) as (x, y), clockwise on the screen."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def ellipse_ring(center: tuple[float, float], radii: tuple[float, float]) -> Ring:
    """Corners of an ellipse whose axes lie along the picture's, so fine that no pixel differs.

    Args:
        center: (x, y) in pixels.
        radii: half the width and half the height, in pixels.

    Returns:
        (N, 2) corners (x, y).

    Example:
        >>> ellipse_ring((10, 8), (4, 2)).max(axis=0).round(2).tolist()
        [14.0, 10.0]
    """
    longest = max(*radii, 1.0)
    corners = min(4 * int(np.ceil(np.pi / 4 / np.sqrt(2 * _CHORD / longest))), 4096)
    angle = np.arange(corners) * (2 * np.pi / corners)
    return np.asarray(center) + np.stack([np.cos(angle), np.sin(angle)], axis=1) * radii


def turn_ring(ring: Ring, degrees: float, about: tuple[float, float]) -> Ring:
    """Turn corners clockwise on the screen about a point.

    Args:
        ring: (N, 2) corners (x, y).
        degrees: positive is clockwise, as y points down.
        about: (x, y) that stays.
    """
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned: Ring = (ring - np.asarray(about)) @ turn + np.asarray(about)
    return turned
