"""Pictures of every kind, and files that are none."""

from __future__ import annotations

import base64
import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io import image as image_module
from lexiseg.io.image import image_of, image_size, path_of, read_image
from lexiseg.types import Instances, PresenceTrace, Recipe, Result

RAMP = np.linspace(0, 255, 24 * 30).reshape(24, 30).astype(np.uint8)
COLOURS = np.stack([RAMP, RAMP[::-1], np.full_like(RAMP, 77)], axis=-1)


def saved(image, suffix, **options):
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that claims a size and has no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(10))
    chunks = [
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        for body in (header, pixels)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("form", ["path", "text", "bytes", "pillow", "array", "float"])
def test_every_form_gives_the_same_pixels(form, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(COLOURS).save(path)
    source = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "pillow": Image.fromarray(COLOURS),
        "array": COLOURS,
        "float": COLOURS / 255,
    }[form]
    image = read_image(source)
    assert image.dtype == np.uint8
    assert np.array_equal(image, COLOURS)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_is_read_within_rounding(mode):
    if mode == "I;16":
        image = Image.fromarray(RAMP.astype(np.uint16) * 257)
    elif mode == "I":
        image = Image.fromarray(RAMP.astype(np.int32) * 257)
    else:
        image = Image.fromarray(COLOURS if mode in ("CMYK", "YCbCr") else RAMP).convert(mode)
    expected = np.asarray(image.convert("RGB")) if mode in ("1", "CMYK", "YCbCr") else None
    wanted = np.repeat(RAMP[..., None], 3, axis=2) if expected is None else expected
    assert np.abs(read_image(image).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("suffix", ["TIFF", "PNG"])
def test_sixteen_bit_files_are_scaled_by_their_full_range(suffix):
    content = saved(Image.fromarray(RAMP.astype(np.uint16) * 257), suffix)
    assert np.array_equal(read_image(content)[..., 0], RAMP)


def test_transparency_is_put_on_white():
    clear = np.dstack([COLOURS, np.zeros_like(RAMP)])
    assert (read_image(clear) == 255).all()
    palette = Image.fromarray(RAMP).convert("P")
    content = saved(palette, "PNG", transparency=0)
    first_entry = np.asarray(palette) == 0
    assert first_entry.any()
    assert (read_image(content)[first_entry] == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["PNG", "TIFF", "JPEG"])
def test_exif_orientation_turns_the_picture_upright(orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = 255  # the upper left corner is white
    undo = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = turned(upright, undo)
    content = saved(Image.fromarray(stored), suffix, exif=exif)
    image = read_image(content)
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).max() < 40


def turned(pixels, orientation):
    """What a viewer does for an EXIF orientation, in array terms."""
    return {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels, 2).transpose(1, 0, 2),
        8: np.rot90(pixels, 1),
    }[orientation]


@pytest.mark.parametrize("suffix", [".jpg", ".tiff", ".png", ".webp"])
def test_size_is_known_without_decoding_and_upright(suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(COLOURS).save(path, exif=exif)
    assert image_size(path) == read_image(path).shape[:2] == (30, 24)


def test_of_an_animation_the_first_frame_is_read():
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size_wh", [(1, 1), (20000, 10), (10, 20000)])
def test_extreme_sizes(size_wh):
    assert read_image(saved(Image.new("L", size_wh), "PNG")).shape == (*size_wh[::-1], 3)


@pytest.mark.parametrize(
    ("array", "first_pixel"),
    [
        (np.ones((2, 3), bool), 255),
        (np.full((2, 3), 65535, np.uint16), 255),
        (np.full((2, 3, 1), 7, np.uint8), 7),
        (np.full((2, 3, 3), 7, np.int64), 7),
        (np.full((2, 3), 0.5, np.float16), 128),
        (COLOURS[::-1, ::2], 255 * 23 // 24),
    ],
)
def test_arrays(array, first_pixel):
    image = read_image(array)
    assert image.shape == (*array.shape[:2], 3)
    assert image.flags.c_contiguous
    assert abs(int(image[0, 0, 0]) - first_pixel) <= 3


def make_hostile(folder):
    """Files that cannot be read, with a word the sentence must hold."""
    photo = saved(Image.fromarray(COLOURS).resize((300, 200)), "JPEG")
    (folder / "a folder.png").mkdir()
    contents = {
        "empty.jpg": (b"", "empty"),
        "text.png": (b"not a picture" * 50, "not a picture"),
        "cut.jpg": (photo[: len(photo) // 2], "damaged"),
        "cut.png": (saved(Image.fromarray(COLOURS), "PNG")[:90], "damaged"),
        "bomb.png": (png_header(60000, 60000), "pixels"),
        "wide.png": (png_header(20000, 9000), "178,000,000"),
        "hollow.png": (png_header(100, 100), "damaged"),
        "noise.webp": (b"RIFF\x20\0\0\0WEBPVP8 " + bytes(range(256)), "not a picture"),
        "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    paths = {str(folder / name): word for name, (_, word) in contents.items()}
    return {
        **paths,
        str(folder / "a folder.png"): "folder",
        str(folder / "absent.jpg"): "does not exist",
        "x" * 5000: "path",
        "zero\0byte.jpg": "exist",
        "": "folder",
        "https://example.org/a.jpg": "downloaded",
        "data:image/png;base64,AAAA": "downloaded",
    }


def test_each_hostile_file_gets_one_clear_sentence(tmp_path):
    for source, word in make_hostile(tmp_path).items():
        with pytest.raises(ImageError, match=word) as caught:
            read_image(source)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 420
        assert message.endswith(".")


@pytest.mark.parametrize(
    "source",
    [
        None,
        3,
        b"",
        [[1, 2], [3]],
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((3, 20, 20), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((1, 2, 3, 4), np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), 2.0),
        np.full((4, 4), -1),
        np.full((4, 4), 300),
        np.full((4, 4), "a"),
        np.zeros((4, 4), complex),
    ],
    ids=lambda source: f"{type(source).__name__}-{getattr(source, 'shape', '')}",
)
def test_things_that_are_no_picture_are_refused(source):
    with pytest.raises(ImageError):
        read_image(source)


def test_the_limit_is_an_option_and_holds_for_arrays_too():
    with pytest.raises(ImageError, match="max_pixels"):
        read_image(COLOURS, max_pixels=100)
    with pytest.raises(ImageError, match="max_pixels"):
        read_image(saved(Image.fromarray(COLOURS), "PNG"), max_pixels=100)


def test_pixels_of_a_result_are_read_again_and_checked(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(COLOURS).save(path)
    nothing = Instances((), (24, 30))
    result = Result((24, 30), (), nothing, PresenceTrace([]), Recipe("car", "mini"), path)
    assert np.array_equal(image_of(result), COLOURS)
    Image.fromarray(COLOURS[:-1]).save(path)
    with pytest.raises(ImageError, match="30x23"):
        image_of(result)


def test_path_of():
    assert str(path_of("a/b.png")) == "a/b.png"
    assert path_of(COLOURS) is None


HEIC = base64.b64decode(  # 16 x 8 pixels of (200, 60, 30)
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAADIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAAD"
    "AIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEA"
    "AAAIAAAAAf///9AAAAAC////yAAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAOm1k"
    "YXQAAAAuKAGvEyFiY0D1JyL//v+6f/CLJ/0r2WFncrrBW/L6wPZkm8DzqpGegIdppzAVeA=="
)


def test_heic_is_read_where_its_package_is():
    pytest.importorskip("pi_heif")
    image = read_image(HEIC)
    assert image.shape == (8, 16, 3)
    assert np.abs(image.astype(int) - (200, 60, 30)).max() <= 8


@pytest.mark.parametrize(
    ("content", "lacks", "words"),
    [
        (HEIC, "HEIF", r"HEIC picture .* pip install 'lexiseg\[heic\]'"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "AVIF", "AVIF picture, .* update Pillow"),
    ],
)
def test_what_this_pillow_cannot_read_is_said(content, lacks, words, monkeypatch, tmp_path):
    known = [name for name in image_module._readable_formats() if name != lacks]
    monkeypatch.setattr(image_module, "_readable_formats", lambda: known)
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=words):
        read_image(tmp_path / "a.jpg")


def test_without_the_heic_package_other_pictures_are_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    image_module._readable_formats.cache_clear()
    try:
        assert read_image(saved(Image.fromarray(COLOURS), "PNG")).shape == COLOURS.shape
    finally:
        image_module._readable_formats.cache_clear()


@pytest.mark.parametrize("suffix", ["jfif", "ico", "pcx", "apng", "dib"])
def test_less_common_endings_are_read(suffix, tmp_path):
    kind = {"jfif": "JPEG", "apng": "PNG", "dib": "DIB"}.get(suffix, suffix.upper())
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(saved(Image.new("RGB", (16, 16), (200, 60, 30)), kind))
    assert np.abs(read_image(path)[8, 8].astype(int) - (200, 60, 30)).max() <= 8


def test_a_sixteen_bit_picture_that_is_nearly_black_is_told(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RAMP.astype(np.uint16) * 8).save(path)
    with pytest.warns(UserWarning, match=r"a\.png uses less than a sixteenth.*--stretch"):
        read_image(path)
