"""Pictures in: whatever the user has becomes (H, W, 3) uint8 RGB, or one clear sentence."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import ImageError, LexisegError
from lexiseg.io.samples import (
    ImageArray,
    ScalarT,
    Stretch,
    array_to_rgb,
    check_size,
    pick_colours,
    to_rgb,
    turn_upright,
)
from lexiseg.io.tiff import colours_with_alpha, describe_bands, keep_alpha_raw, read_samples
from lexiseg.types import Result

MAX_PIXELS = 178_000_000
"""Largest picture read unless the caller allows more; about 0.5 GB as RGB."""

# fmt: off
SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".apng", ".webp", ".avif", ".heic", ".heif",
    ".gif", ".bmp", ".dib", ".tif", ".tiff", ".jp2", ".j2k", ".pgm", ".ppm", ".pnm", ".tga",
    ".ico", ".pcx",
))
"""File name endings that folders are searched for."""

# Formats whose readers only decode; others run outside programs or hold no raster.
_FORMATS = (
    "JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "PPM", "TGA",
    "ICO", "PCX",
)
# fmt: on
_EXIF_ORIENTATION = 0x0112
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class _Request:
    """How a picture is to be read."""

    max_pixels: int = MAX_PIXELS
    bands: tuple[int, ...] | None = None
    stretch: Stretch | None = None

    @property
    def chooses(self) -> bool:
        """Whether samples are asked for as they are stored."""
        return self.bands is not None or self.stretch is not None


def read_image(
    source: object,
    *,
    max_pixels: int = MAX_PIXELS,
    bands: Sequence[int] | None = None,
    stretch: Stretch | None = None,
) -> ImageArray:
    """Read a picture in any common form.

    Files are turned upright as their EXIF tag says; of an animation the first frame is read;
    transparency is put on white; 16-bit samples are scaled so that the full range is white.
    Bands and stretch of TIFF files need the extra ``tiff``.

    Args:
        source: path, bytes of a file, Pillow image, or an array: (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), of bool, uint8, uint16 (full range), or float within 0..1; with `bands` or
            `stretch` an array of any number of channels and any range.
        max_pixels: refuse larger pictures, before they are decoded.
        bands: numbers of the bands, from 1, that are red, green and blue, or of one that is grey.
        stretch: which samples become black and white, per band.

    Returns:
        (H, W, 3) uint8 RGB; a new array unless `source` already has this form.

    Raises:
        ImageError: there is no such file, it is no picture, is damaged, is too large, or has
            many bands and it is not said which are the colours.
        MissingExtraError: bands or stretch of a TIFF, and the extra is not installed.

    Example:
        >>> read_image(np.zeros((4, 6), np.uint8)).shape
        (4, 6, 3)
    """
    request = _Request(max_pixels, tuple(bands) if bands is not None else None, stretch)
    if isinstance(source, Image.Image):
        return _from_pillow(source, "The given Pillow image", request)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), f"The given {len(source)} bytes", request)
    if isinstance(source, str | os.PathLike):
        return _read_file(source, request)
    return _from_array(source, request)


def path_of(source: object) -> Path | None:
    """The file a picture comes from, if it is given as one."""
    return Path(source) if isinstance(source, str | os.PathLike) else None


def image_of(result: Result, read: Callable[[Path], ImageArray] = read_image) -> ImageArray:
    """The pixels a result belongs to: kept in memory, or read again from its path.

    Args:
        result: any.
        read: reads the file.

    Raises:
        ImageError: neither is there, or the file has another size by now.
    """
    if result.image is not None:
        return result.image
    if result.path is None:
        raise ImageError("This result keeps no picture and no path to one; give its image first.")
    image = read(result.path)
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


def orientation_of(path: Path) -> int:
    """The EXIF orientation of a picture file, 1 (upright) to 8.

    Raises:
        ImageError: as for `read_image`.
    """
    require_file(path)
    with path.open("rb") as stream, _open(stream, shown(path), MAX_PIXELS) as image:
        return _orientation(image)


def _read_file(source: str | os.PathLike[str], request: _Request) -> ImageArray:
    text = os.fspath(source)
    refuse_web_address(text)
    path = Path(text)
    require_file(path)
    try:
        with path.open("rb") as stream:
            return _decode(stream, shown(path), request)
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


def _decode(stream: BinaryIO, what: str, request: _Request) -> ImageArray:
    if request.chooses and stream.read(4) in _TIFF_MAGIC:
        samples = _whole(lambda: read_samples(stream, what, request.max_pixels), what)
        return pick_colours(samples, request.bands, request.stretch, what)
    with _open(stream, what, request.max_pixels) as image:
        return _from_pillow(image, what, request)


def _open(stream: BinaryIO, what: str, max_pixels: int) -> Image.Image:
    """Read the header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            stream.seek(0)
            image = Image.open(stream, formats=_readable_formats())
    except Image.DecompressionBombError as error:
        raise ImageError(f"{what} has more than {MAX_PIXELS:,} pixels; scale it down.") from error
    except Exception as error:  # a hostile header can make a decoder raise anything
        raise ImageError(f"{what} {_why_unreadable(stream)}.") from error
    check_size(image.size, what, max_pixels)
    return image


def _why_unreadable(stream: BinaryIO) -> str:
    stream.seek(0)
    head = stream.read(32)
    if head[:4] in _TIFF_MAGIC and (bands := describe_bands(stream)):
        return f"is a TIFF with {bands}"
    if head[4:8] == b"ftyp" and b"avif" in head:
        return "is an AVIF picture, and this Pillow cannot read those; update Pillow"
    if head[4:8] == b"ftyp" and any(brand in head for brand in (b"heic", b"heix", b"mif1")):
        return "is a HEIC picture that needs an optional package; run: pip install 'lexiseg[heic]'"
    return "is not a picture that can be read; expected PNG, JPEG, WebP, TIFF, GIF or BMP"


@cache
def _readable_formats() -> tuple[str, ...]:
    """Those this Pillow was built with, and HEIC if its package is there."""
    Image.init()
    with suppress(ImportError):
        import pi_heif

        pi_heif.register_heif_opener()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _from_pillow(image: Image.Image, what: str, request: _Request) -> ImageArray:
    check_size(image.size, what, request.max_pixels)
    return _whole(lambda: _pixels(image, what, request), what)


def _whole(decode: Callable[[], NDArray[ScalarT]], what: str) -> NDArray[ScalarT]:
    """What a decoder gives, or one sentence about a file that it cannot finish."""
    try:
        return decode()
    except LexisegError:
        raise
    except Exception as error:  # truncated or damaged pixel data: any decoder, any error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImageError(f"{what} is damaged or incomplete ({reason}).") from error


def _pixels(image: Image.Image, what: str, request: _Request) -> ImageArray:
    deep, associated = _is_deep(image), keep_alpha_raw(image)
    of_tiff = image.format == "TIFF"
    image.load()  # some readers turn the picture themselves, and then say so
    orientation = _orientation(image)
    if request.chooses:
        plain = image.convert() if image.mode == "P" else image
        samples = np.atleast_3d(np.asarray(plain))
        rgb = pick_colours(samples, request.bands, request.stretch, what)
    elif of_tiff and image.mode == "RGBA":
        rgb = colours_with_alpha(np.asarray(image), associated)
    else:
        rgb = to_rgb(image)
    if deep and not request.chooses and 0 < rgb.max(initial=0) < 16:
        warnings.warn(
            f"{what} uses less than a sixteenth of its 16 bits and is read nearly black; say what "
            "is white with --stretch 2%,98% (stretch=Stretch(2, 98) in Python).",
            stacklevel=2,
        )
    return turn_upright(rgb, orientation)


def _is_deep(image: Image.Image) -> bool:
    """Whether a file that is not decoded yet has samples of 16 bits."""
    return any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a broken EXIF block must not cost the picture
        return 1


def _from_array(source: object, request: _Request) -> ImageArray:
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
    check_size((array.shape[1], array.shape[0]), "The given array", request.max_pixels)
    if request.chooses:
        samples = np.atleast_3d(array)
        return pick_colours(samples, request.bands, request.stretch, "The given array")
    return array_to_rgb(array)
