"""Shifting the colors of a pictograph, and saying honestly which color it has."""

from __future__ import annotations

import colorsys
import math
from typing import TypeAlias

Matrix: TypeAlias = tuple[float, ...]  # 3x4, row by row, as Pillow's RGB conversion takes it

SURE_SHARE = 0.5  # a color word needs this much of the area in one color
HUES = (  # name, from, to, in degrees; the gaps between are deliberately nameless
    ("red", -14, 10),
    ("orange", 18, 38),
    ("yellow", 43, 62),
    ("green", 75, 160),
    ("turquoise", 168, 188),
    ("blue", 196, 248),
    ("purple", 258, 290),
    ("pink", 298, 338),
)


def shift_matrix(hue: float, saturation: float, brightness: float) -> Matrix:
    """Color matrix that turns the hue and scales saturation and brightness.

    Args:
        hue: rotation about the gray axis, degrees.
        saturation: factor; 0 = gray, 1 = unchanged.
        brightness: factor; 1 = unchanged.

    Returns:
        12 numbers for ``Image.convert("RGB", matrix)``.
    """
    cos, sin = math.cos(math.radians(hue)), math.sin(math.radians(hue))
    even, odd = (1.0 - cos) / 3.0, sin / math.sqrt(3.0)
    turn = (cos + even, even - odd, even + odd)  # first row of the rotation; the others roll
    luma = (0.299, 0.587, 0.114)
    rows = []
    for row in range(3):
        rolled = [turn[(column - row) % 3] for column in range(3)]
        mixed = [saturation * a + (1.0 - saturation) * b for a, b in zip(rolled, luma, strict=True)]
        rows += [brightness * value for value in mixed] + [0.0]
    return tuple(rows)


def apply_matrix(matrix: Matrix, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Apply a color matrix to one color, clipped to 0..255."""
    rows = (matrix[0:4], matrix[4:8], matrix[8:12])
    dot = [row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2] + row[3] for row in rows]
    red, green, blue = (min(255, max(0, round(value))) for value in dot)
    return red, green, blue


def color_word(rgb: tuple[int, int, int], share: float) -> str:
    """Everyday word for a color, or ``""`` where people would not agree on one.

    Args:
        rgb: the dominant color, 0..255.
        share: part of the object's area that has it, 0..1.

    Example:
        >>> color_word((220, 30, 30), share=0.8)
        'red'
        >>> color_word((220, 30, 30), share=0.3)
        ''
    """
    if share < SURE_SHARE:
        return ""
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255.0 for channel in rgb))
    if value < 0.25:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.85 else "gray" if value < 0.78 else ""
    if saturation < 0.35:
        return ""
    degrees = hue * 360.0
    if 15 <= degrees <= 38 and value < 0.7:
        return "brown" if value < 0.62 else ""
    degrees = degrees - 360.0 if degrees > 345 else degrees
    return next((name for name, low, high in HUES if low <= degrees <= high), "")
