"""TIFF files of aerial and scientific cameras: more bands, more bits, and bands called alpha."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from lexiseg.errors import MissingExtraError
from lexiseg.io.samples import CHOOSE_BANDS, ImageArray, check_size, turn_upright

_BITS, _SAMPLES_PER_PIXEL, _SAMPLE_FORMAT, _EXTRA_SAMPLES, _ORIENTATION = 258, 277, 339, 338, 274
_ASSOCIATED = 1  # of _EXTRA_SAMPLES: colours are multiplied with the alpha that follows them
_KINDS = {1: "whole numbers", 2: "signed numbers", 3: "floats"}


def describe_bands(stream: BinaryIO) -> str | None:
    """What a TIFF holds that no picture reader understands, and what to do; None if no TIFF.

    Args:
        stream: the file, at any place.
    """
    try:
        stream.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8))
        stream.seek(tags.next)
        tags.load(stream)
        count = int(tags.get(_SAMPLES_PER_PIXEL, 1))
        bits = np.ravel(tags.get(_BITS, 1)).max()
        kind = _KINDS.get(int(np.ravel(tags.get(_SAMPLE_FORMAT, 1))[0]), "samples")
    except Exception:  # a hostile header can make the reader raise anything
        return None
    bands = "1 band" if count == 1 else f"{count} bands"
    return f"{bands} of {kind} with {bits} bits; {CHOOSE_BANDS}"


def read_samples(stream: BinaryIO, what: str, max_pixels: int) -> NDArray[np.generic]:
    """All bands of a TIFF's first picture, as they are stored but upright.

    Args:
        stream: the file, at any place.
        what: the file, for messages.
        max_pixels: refuse larger pictures before they are decoded.

    Returns:
        (H, W, bands), of the file's number type.

    Raises:
        ImageError: the picture is too large.
        MissingExtraError: tifffile is not installed.
    """
    try:
        import tifffile
    except ImportError as error:
        raise MissingExtraError(f"Choosing bands of {what}", "tiff") from error
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page = file.pages.first
        check_size((page.imagewidth, page.imagelength), what, max_pixels)
        stored = zip(page.dataoffsets, page.databytecounts, strict=True)
        if any(offset + length > file.filehandle.size for offset, length in stored):
            raise ValueError("the file ends before its pixels")  # tifffile would leave them 0
        samples: NDArray[np.generic] = np.asarray(page.asarray())
        if page.axes.startswith("S"):  # one plane after the other
            samples = np.moveaxis(samples, 0, -1)
        turn = page.tags.get(_ORIENTATION)
    samples = samples.reshape(*samples.shape[:2], -1)
    return turn_upright(samples, int(turn.value) if turn else 1)


def keep_alpha_raw(image: Image.Image) -> bool:
    """Have the fourth band decoded as it is stored; whether the file calls it premultiplied.

    Pillow divides the colours by such a band, which cannot be undone where it is none.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    if image.mode != "RGBA" or _ASSOCIATED not in image.tag_v2.get(_EXTRA_SAMPLES, ()):
        return False
    image.tile = [tile._replace(args=_unassociated(tile.args)) for tile in image.tile]
    return True


def _unassociated(args: Any) -> Any:
    if isinstance(args, str):
        return args.replace("RGBa", "RGBA")
    return (args[0].replace("RGBa", "RGBA"), *args[1:])


def colours_with_alpha(samples: ImageArray, associated: bool) -> ImageArray:
    """Red, green, blue and a band that the file calls alpha, as colours.

    Programs that write four bands call the fourth alpha whatever it is, often near infrared. It
    is taken as transparency, and the colours put on white, only if it can be that: at least half
    of what is not fully clear is fully opaque, and premultiplied colours do not exceed it.

    Args:
        samples: (H, W, 4) uint8.
        associated: the colours are multiplied with the alpha.

    Returns:
        (H, W, 3) uint8.
    """
    colours, alpha = samples[..., :3], samples[..., 3:]
    opaque, seen = np.count_nonzero(alpha == 255), np.count_nonzero(alpha)
    if 2 * opaque < seen or (associated and (colours > alpha).any()):
        return np.ascontiguousarray(colours)
    if associated:
        return np.asarray(colours + (255 - alpha), dtype=np.uint8)
    share = alpha.astype(np.float32) / 255
    return np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)
