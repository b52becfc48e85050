"""Colours: one per name, the same on every machine and in every picture."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

# Four steps of lightness besides the hue, so that names whose hues look alike to a colour-blind
# reader mostly still differ; all bright enough to show on a photograph.
_LIGHTNESS = (0.56, 0.66, 0.76, 0.86)
_CHROMA = 0.19

# Linear parts of the OKLab transform (Ottosson 2020).
_LAB_TO_CONE = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONE_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@lru_cache(maxsize=65536)
def color_of(name: str) -> Colour:
    """The colour of a name, the same always and everywhere.

    Hue and lightness come from a hash of the name, without regard to case and spacing, in the
    OKLCH space, where equal steps look equally large.

    Returns:
        (red, green, blue), 0..255.

    Example:
        >>> color_of("dog") == color_of("Dog ")
        True
    """
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").split())
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
    hue = int.from_bytes(digest[:4], "big") / 2**32 * 2 * np.pi
    return _oklch_to_rgb(_LIGHTNESS[digest[4] % len(_LIGHTNESS)], hue)


def _oklch_to_rgb(lightness: float, hue: float) -> Colour:
    """The most colourful sRGB colour of this lightness and hue, up to the usual chroma."""
    for chroma in np.linspace(_CHROMA, 0, 40):
        lab = np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
        linear = _CONE_TO_RGB @ (_LAB_TO_CONE @ lab) ** 3
        if linear.min() >= -1e-6 and linear.max() <= 1 + 1e-6:
            break
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(encoded * 255).astype(int).tolist()
    return red, green, blue


def shade(colour: Colour, share: float) -> Colour:
    """Mix with white (share in 0..1) or with black (share in -1..0)."""
    goal = 255 if share > 0 else 0
    red, green, blue = (round(part + (goal - part) * abs(share)) for part in colour)
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative luminance in [0, 1] as WCAG 2 defines it for sRGB."""
    parts = np.array(colour) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def text_color_on(colour: Colour) -> Colour:
    """Black or white, whichever contrasts more."""
    # Both contrasts are equal where (L + 0.05)^2 = 1.05 * 0.05.
    return (0, 0, 0) if luminance(colour) > 0.179 else (255, 255, 255)


def voc_palette(count: int = 256) -> NDArray[np.uint8]:
    """The colours of the PASCAL VOC label files: entry 0 is black, 255 the ignored border.

    Returns:
        (count, 3) uint8.
    """
    colours = np.zeros((count, 3), dtype=np.uint8)
    index = np.arange(count)
    for bit in range(8):
        # Every third bit of the index goes to one channel, the lowest to the highest place.
        triple = np.stack([(index >> (3 * bit + channel)) & 1 for channel in range(3)], axis=1)
        colours |= (triple << (7 - bit)).astype(np.uint8)
    return colours
