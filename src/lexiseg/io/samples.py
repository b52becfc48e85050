"""Samples of any kind to the eight bits and three colours that every method takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import ImageError, UsageError

ImageArray = NDArray[np.uint8]
ScalarT = TypeVar("ScalarT", bound=np.generic)


@dataclass(frozen=True)
class Stretch:
    """Which samples become black and which white; what lies between is spread evenly.

    Args:
        low: black.
        high: white.
        percent: both are percentiles of a band's own samples, and not samples.

    Raises:
        UsageError: `low` is not below `high`, or percentiles lie outside 0..100.
    """

    low: float
    high: float
    percent: bool = True

    def __post_init__(self) -> None:
        inside = not self.percent or (self.low >= 0 and self.high <= 100)
        if not (self.low < self.high and inside):
            raise UsageError(
                f"A stretch from {self.low:g} to {self.high:g} was given; expected the sample "
                "that is black, then a larger one that is white (percentiles: 0 to 100)."
            )

    @classmethod
    def parse(cls, text: str) -> Stretch:
        """From the text of an option: percentiles with ``%``, samples without.

        Raises:
            UsageError: it is no such text.

        Example:
            >>> Stretch.parse("0,2000")
            Stretch(low=0.0, high=2000.0, percent=False)
        """
        ends = [end.strip() for end in text.split(",")]
        percent = all(end.endswith("%") for end in ends)
        try:
            low, high = (float(end.removesuffix("%") if percent else end) for end in ends)
        except ValueError as error:
            raise UsageError(
                f"A stretch was given as {text[:60]!r}; expected percentiles such as 2%,98% or "
                "samples such as 0,2000."
            ) from error
        return cls(low, high, percent)

    def apply(self, band: NDArray[np.generic]) -> ImageArray:
        """One band of any number type, (H, W), as 8 bits."""
        values = band.astype(np.float64)
        finite = values[np.isfinite(values)]
        low, high = self.low, self.high
        if self.percent:
            low, high = np.percentile(finite, [low, high]) if finite.size else (0.0, 1.0)
        if low == high:  # nearly all of the band is one value
            return np.where(values > low, np.uint8(255), np.uint8(0))
        spread = (values - low) / (high - low) * 255
        eight: ImageArray = np.rint(np.nan_to_num(spread, posinf=255).clip(0, 255)).astype(np.uint8)
        return eight


def check_size(size_wh: tuple[int, int], what: str, max_pixels: int) -> None:
    """Raise `ImageError` for a picture of no or too many pixels."""
    width, height = size_wh
    if width < 1 or height < 1:
        raise ImageError(f"{what} is {width}x{height} pixels; expected at least 1x1.")
    if width * height > max_pixels:
        raise ImageError(
            f"{what} is {width}x{height} pixels, more than the {max_pixels:,} allowed; scale it "
            "down or raise max_pixels."
        )


def pick_colours(
    samples: NDArray[np.generic], bands: Sequence[int] | None, stretch: Stretch | None, what: str
) -> ImageArray:
    """Three bands (or one, as grey) of a picture as RGB.

    Args:
        samples: (H, W, bands) of any number type.
        bands: their numbers from 1, in the order red, green, blue; None takes the only one, or
            the first three where there are no more than four.
        stretch: what is black and white; by default as `eight_bits` says.
        what: the picture, for messages.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: there is no such band, or it is not said which of many are meant.
    """
    count = samples.shape[2]
    if bands is None:
        if count > 4:
            raise ImageError(f"{what} has {count} bands; {CHOOSE_BANDS}.")
        bands = (1, 2, 3) if count >= 3 else (1,)
    if len(bands) not in (1, 3) or not all(1 <= band <= count for band in bands):
        raise ImageError(
            f"Bands {', '.join(map(str, bands))} of {what} were asked; expected one or three "
            f"numbers from 1 to {count}."
        )
    chosen = samples[..., [band - 1 for band in bands]]
    if stretch is None:
        colours = eight_bits(chosen)
    else:
        colours = np.stack([stretch.apply(chosen[..., i]) for i in range(len(bands))], axis=2)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


CHOOSE_BANDS = "choose one or three of them with --bands 3,2,1 (bands=(3, 2, 1) in Python)"


def eight_bits(samples: NDArray[np.generic]) -> ImageArray:
    """Samples of any number type, scaled so that the full range of the type is white.

    Floats and whole numbers beyond 16 bits do not say their range: white is the first of 1
    (floats), 255, 65535 that no sample exceeds, else the largest sample.
    """
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    values = np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0).clip(min=0)
    peak = float(values.max(initial=0))
    bounds = (65535.0,) if samples.dtype.kind in "iu" else (1.0, 255.0, 65535.0)
    if samples.dtype == bool:
        bounds = (1.0,)
    white = next((bound for bound in bounds if peak <= bound), peak)
    return np.rint(values * (255.0 / white)).astype(np.uint8)


def to_rgb(image: Image.Image) -> ImageArray:
    """Any Pillow mode to RGB; what is transparent becomes white.

    Returns:
        (H, W, 3) uint8.
    """
    if image.mode.startswith(("I", "F")):
        return stack_grey(eight_bits(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return np.array(image.convert("RGB"))


def stack_grey(grey: ImageArray) -> ImageArray:
    """(H, W) as (H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=2)


def turn_upright(samples: NDArray[ScalarT], orientation: int) -> NDArray[ScalarT]:
    """Turn a picture as its EXIF orientation, 1 to 8, asks.

    Args:
        samples: (H, W, ...).
        orientation: where row 0 and column 0 of the stored picture belong (EXIF 2.32, 4.6.4).
    """
    turned = samples.swapaxes(0, 1) if orientation >= 5 else samples
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(turned[::rows, ::columns])


def array_to_rgb(array: NDArray[np.generic]) -> ImageArray:
    """An array of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as RGB.

    Raises:
        ImageError: another shape, floats outside 0..1, or whole numbers outside 0..255 (uint16:
            0..65535).
    """
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        hint = "; move the channels last" if array.shape[0] in (1, 3, 4) else ""
        raise ImageError(
            f"An array of shape {array.shape} was given; expected (height, width) or "
            f"(height, width, 3 or 4){hint}, or a choice of bands."
        )
    small = _to_uint8(array)
    if small.ndim == 2 or small.shape[2] == 1:
        return stack_grey(small.reshape(small.shape[:2]))
    if small.shape[2] == 3:
        return np.ascontiguousarray(small)
    return to_rgb(Image.fromarray(np.ascontiguousarray(small), "RGBA"))


def _to_uint8(array: NDArray[np.generic]) -> ImageArray:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        array = np.rint(array.astype(np.uint16, copy=False) / np.float32(257))
    elif array.dtype.kind == "f":
        _require_range(array, 1)
        array = np.rint(array * 255)
    else:
        _require_range(array, 255)
    small: ImageArray = array.astype(np.uint8)
    return small


def _require_range(array: NDArray[np.generic], white: int) -> None:
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= white):
        raise ImageError(
            f"A {array.dtype} array with values {low:g} to {high:g} was given; expected 0 to "
            f"{white} (floats: 0 to 1, whole numbers: 0 to 255)."
        )
