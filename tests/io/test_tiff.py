"""Pictures of aerial and scientific cameras."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lexiseg.errors import ImageError, MissingExtraError
from lexiseg.io.image import image_size, read_image
from lexiseg.io.samples import Stretch

tifffile = pytest.importorskip("tifffile")
COLOUR = (200, 60, 30)


def saved(path, samples, **options):
    tifffile.imwrite(path, samples, **options)
    return path


def flat(*values, dtype=np.uint8):
    samples = np.empty((24, 30, len(values)), dtype)
    samples[:] = values
    return samples


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_near_infrared_called_alpha_is_no_transparency(kind, depth, compression, tmp_path):
    samples = flat(*COLOUR, 20)
    samples[:8] = (0, 0, 0, 0)  # where the camera saw nothing
    if depth == 16:
        samples = samples.astype(np.uint16) * 257
    path = saved(
        tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[kind], compression=compression
    )
    assert read_image(path)[20, 5].tolist() == list(COLOUR)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_what_is_transparent_is_put_on_white(kind, tmp_path):
    samples = flat(*COLOUR, 255)
    samples[:16] = 0
    samples[16] = (100, 30, 15, 128) if kind == "assocalpha" else (*COLOUR, 128)
    image = read_image(
        saved(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[kind])
    ).astype(int)
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[20, 0].tolist() == list(COLOUR)
    assert np.abs(image[16, 0] - (np.array(COLOUR) + 255) / 2).max() <= 2


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        (flat(1, 2, 3, 4), {"photometric": "minisblack"}, "4 bands of whole numbers with 8 bits"),
        (flat(*range(8), dtype=np.uint16), {"photometric": "minisblack"}, "8 bands"),
        (flat(0.1, 0.5, 1, dtype=np.float32), {"photometric": "rgb"}, "3 bands of floats with 32"),
    ],
)
def test_bands_that_no_reader_understands_are_counted_and_can_be_chosen(
    samples, options, words, tmp_path
):
    path = saved(tmp_path / "a.tif", samples, planarconfig="contig", **options)
    with pytest.raises(ImageError, match=f"{words}.*--bands"):
        read_image(path)
    image = read_image(path, bands=(3, 2, 1), stretch=Stretch(0, samples.max(), percent=False))
    wanted = samples[0, 0, [2, 1, 0]].astype(float) * 255 / samples.max()
    assert np.abs(image[7, 7] - wanted).max() <= 0.5


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_bands_lie_beside_or_behind_each_other(planes, compression, tmp_path):
    samples = np.random.default_rng(0).integers(0, 256, (24, 30, 5), dtype=np.uint8)
    stored = samples if planes == "contig" else np.moveaxis(samples, -1, 0)
    path = saved(
        tmp_path / "a.tif",
        stored,
        photometric="minisblack",
        planarconfig=planes,
        compression=compression,
    )
    assert np.array_equal(read_image(path, bands=(5, 1, 3)), samples[..., [4, 0, 2]])
    assert np.array_equal(read_image(path.read_bytes(), bands=(2,))[..., 0], samples[..., 1])


def test_bands_are_turned_upright_as_the_picture_is(tmp_path):
    samples = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.tif", samples, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    assert image_size(path) == (30, 24)
    assert np.array_equal(read_image(path, bands=(1, 2, 3)), read_image(path))


def test_dark_sixteen_bits_are_told_and_can_be_stretched(tmp_path):
    ramp = np.linspace(0, 2000, 24 * 30).reshape(24, 30, 1).astype(np.uint16)
    for samples, kind in ((np.repeat(ramp, 3, axis=2), "rgb"), (ramp[..., 0], "minisblack")):
        path = saved(tmp_path / f"{kind}.tif", samples, photometric=kind)
        with pytest.warns(UserWarning, match="nearly black.*--stretch"):
            assert read_image(path).max() < 16
        image = read_image(path, stretch=Stretch(0, 2000, percent=False))
        assert np.abs(image - ramp / 2000 * 255).max() <= 0.5 + 1e-6


def test_size_is_judged_before_bands_are_decoded(tmp_path):
    path = saved(tmp_path / "a.tif", flat(1, 2, 3, 4), photometric="minisblack")
    with pytest.raises(ImageError, match="max_pixels"):
        read_image(path, bands=(1, 2, 3), max_pixels=100)


def test_a_cut_file_is_one_sentence(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 5), dtype=np.uint8)
    options = {"photometric": "minisblack", "planarconfig": "contig", "compression": "deflate"}
    path = saved(tmp_path / "a.tif", noise, **options)
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ImageError, match=r"a\.tif") as caught:
            read_image(path, bands=(1,))
        assert "\n" not in str(caught.value)


def test_without_tifffile_the_extra_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.tif", flat(1, 2, 3, 4), photometric="minisblack")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(MissingExtraError, match=r"lexiseg\[tiff\]"):
        read_image(path, bands=(1,))
