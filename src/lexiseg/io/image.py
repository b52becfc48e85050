"""Pictures in: whatever the user has becomes (H, W, 3) uint8 RGB, or one clear sentence."""

from __future__ import annotations

import io
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.types import Result

ImageArray = NDArray[np.uint8]

MAX_PIXELS = 178_000_000
"""Largest picture read unless the caller allows more; about 0.5 GB as RGB."""

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".mpo", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"),
        *(".jp2", ".pgm", ".ppm", ".pnm", ".tga"),
    )
)
"""File name endings that folders are searched for."""

# Formats whose readers only decode; others run outside programs or hold no raster.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF"),
    *("JPEG2000", "PPM", "TGA", "ICO", "PCX"),
)
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: Any, *, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """Read a picture in any common form.

    Files are turned upright as their EXIF tag says; of an animation the first frame is read;
    transparency is put on white; 16-bit samples are scaled so that the full range is white.

    Args:
        source: path, bytes of a file, Pillow image, or an array: (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), of bool, uint8, uint16 (full range), or float within 0..1.
        max_pixels: refuse larger pictures, before they are decoded.

    Returns:
        (H, W, 3) uint8 RGB; a new array unless `source` already has this form.

    Raises:
        ImageError: there is no such file, it is no picture, is damaged, or is too large.

    Example:
        >>> read_image(np.zeros((4, 6), np.uint8)).shape
        (4, 6, 3)
    """
    if isinstance(source, Image.Image):
        return _from_pillow(source, "The given Pillow image", max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), f"The given {len(source)} bytes", max_pixels)
    if isinstance(source, str | os.PathLike):
        return _read_file(source, max_pixels)
    return _from_array(source, max_pixels)


def path_of(source: Any) -> Path | None:
    """The file a picture comes from, if it is given as one."""
    return Path(source) if isinstance(source, str | os.PathLike) else None


def image_of(result: Result) -> ImageArray:
    """The pixels a result belongs to: kept in memory, or read again from its path.

    Raises:
        ImageError: neither is there, or the file has another size by now.
    """
    if result.image is not None:
        return result.image
    if result.path is None:
        raise ImageError("This result keeps no picture and no path to one; give its image first.")
    image = read_image(result.path)
    if image.shape[:2] != result.size_hw:
        raise ImageError(
            f"{result.path} is {image.shape[1]}x{image.shape[0]} pixels, but its result was made "
            f"for {result.size_hw[1]}x{result.size_hw[0]}; segment it again."
        )
    return image


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of a picture file as `read_image` would return it, without decoding it.

    Raises:
        ImageError: as for `read_image`.
    """
    require_file(path)
    with path.open("rb") as stream, _open(stream, shown(path), MAX_PIXELS) as image:
        width, height = image.size
        # A TIFF already states its upright size.
        swapped = image.format != "TIFF" and _orientation(image) >= 5
        return (width, height) if swapped else (height, width)


def _read_file(source: str | os.PathLike[str], max_pixels: int) -> ImageArray:
    text = os.fspath(source)
    refuse_web_address(text)
    path = Path(text)
    require_file(path)
    try:
        with path.open("rb") as stream:
            return _decode(stream, shown(path), max_pixels)
    except OSError as error:
        raise ImageError(f"{shown(path)} cannot be opened ({error.strerror}).") from error


def refuse_web_address(text: str) -> None:
    """Raise `ImageError` for a URL."""
    if "://" in text[:12] or text.startswith("data:"):
        raise ImageError(
            f"{text[:80]!r} is a web address, and nothing is downloaded silently; save the "
            "picture first and give its path."
        )


def require_file(path: Path) -> None:
    """Raise `ImageError` unless a path is a file with content."""
    try:
        if path.is_dir():
            raise ImageError(f"{shown(path)} is a folder; expected a picture file.")
        if not path.exists():
            raise ImageError(f"{shown(path)} does not exist; check the path.")
        if not path.is_file():
            raise ImageError(f"{shown(path)} is no regular file; expected a picture file.")
        if path.stat().st_size == 0:
            raise ImageError(f"{shown(path)} is empty (0 bytes); expected a picture file.")
    except (OSError, ValueError) as error:  # a name that is too long, a folder that is closed
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{shown(path)} is no usable path ({reason}).") from error


def shown(path: Path) -> str:
    """A path as it may stand in a one-line message."""
    text = "".join(c if c.isprintable() else "?" for c in str(path))
    return text if len(text) <= 200 else f"{text[:197]}..."


def _decode(stream: Any, what: str, max_pixels: int) -> ImageArray:
    with _open(stream, what, max_pixels) as image:
        return _from_pillow(image, what, max_pixels)


def _open(stream: Any, what: str, max_pixels: int) -> Image.Image:
    """Read the header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(stream, formats=_readable_formats())
    except Image.DecompressionBombError as error:
        raise ImageError(f"{what} has more than {MAX_PIXELS:,} pixels; scale it down.") from error
    except Exception as error:  # a hostile header can make a decoder raise anything
        raise ImageError(
            f"{what} is not a picture that can be read; expected PNG, JPEG, WebP, TIFF, GIF or BMP."
        ) from error
    check_size(image.size, what, max_pixels)
    return image


@cache
def _readable_formats() -> tuple[str, ...]:
    """Those this Pillow was built with."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


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


def _from_pillow(image: Image.Image, what: str, max_pixels: int) -> ImageArray:
    check_size(image.size, what, max_pixels)
    try:
        image.load()  # some readers turn the picture themselves, and then say so
        turn = _TURNS.get(_orientation(image))
        upright = image.transpose(turn) if turn is not None else image
        return to_rgb(upright)
    except ImageError:
        raise
    except Exception as error:  # truncated or damaged pixel data: any decoder, any error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImageError(f"{what} is damaged or incomplete ({reason}).") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a broken EXIF block must not cost the picture
        return 1


def to_rgb(image: Image.Image) -> ImageArray:
    """Any Pillow mode to RGB."""
    if image.mode.startswith(("I", "F")):
        return _stack_grey(_grey_samples(np.asarray(image), image.mode))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return np.array(image.convert("RGB"))


def _grey_samples(samples: NDArray[Any], mode: str) -> ImageArray:
    """Grey of more than 8 bits, as 8 bits."""
    values = np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0).clip(min=0)
    peak = float(values.max())
    if mode.startswith("I"):
        white = 65535.0 if peak <= 65535 else peak
    else:
        white = next((bound for bound in (1.0, 255.0, 65535.0) if peak <= bound), peak)
    return np.rint(values * (255.0 / white)).astype(np.uint8)


def _stack_grey(grey: ImageArray) -> ImageArray:
    return np.repeat(grey[..., None], 3, axis=2)


def _from_array(source: Any, max_pixels: int) -> ImageArray:
    try:
        array = np.asarray(source)
    except Exception as error:  # tensors on another device, ragged lists, ...
        raise ImageError(
            f"A {type(source).__name__} cannot be read as a picture; give a path, a Pillow image "
            "or a NumPy array of shape (height, width, 3)."
        ) from error
    if array.dtype.kind not in "buif" or array.ndim not in (2, 3):
        raise ImageError(
            f"A {type(source).__name__} of {array.dtype} with shape {array.shape} is no picture; "
            "give a path, a Pillow image or an array of shape (height, width, 3)."
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        hint = "; move the channels last" if array.shape[0] in (1, 3, 4) else ""
        raise ImageError(
            f"An array of shape {array.shape} was given; expected (height, width) or "
            f"(height, width, 3 or 4){hint}."
        )
    check_size((array.shape[1], array.shape[0]), "The given array", max_pixels)
    return _array_to_rgb(_to_uint8(array))


def _to_uint8(array: NDArray[Any]) -> ImageArray:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        array = np.rint(array / np.float32(257))
    elif array.dtype.kind == "f":
        _require_range(array, 1)
        array = np.rint(array * 255)
    else:
        _require_range(array, 255)
    small: ImageArray = array.astype(np.uint8)
    return small


def _require_range(array: NDArray[Any], white: int) -> None:
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= white):
        raise ImageError(
            f"A {array.dtype} array with values {low:g} to {high:g} was given; expected 0 to "
            f"{white} (floats: 0 to 1, whole numbers: 0 to 255)."
        )


def _array_to_rgb(array: ImageArray) -> ImageArray:
    if array.ndim == 2 or array.shape[2] == 1:
        return _stack_grey(array.reshape(array.shape[:2]))
    if array.shape[2] == 3:
        return np.ascontiguousarray(array)
    return to_rgb(Image.fromarray(np.ascontiguousarray(array), "RGBA"))
