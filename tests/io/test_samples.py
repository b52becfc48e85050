"""Samples of every number type as eight bits, and the choice of bands and of what is white."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from lexiseg.errors import ImageError, UsageError
from lexiseg.io.image import read_image
from lexiseg.io.samples import Stretch, eight_bits, pick_colours, turn_upright

BANDS = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)


def test_bands_are_counted_from_one_in_the_order_given():
    chosen = pick_colours(BANDS, (5, 1, 2), None, "The picture")
    assert np.array_equal(chosen, BANDS[..., [4, 0, 1]])
    grey = pick_colours(BANDS, (4,), None, "The picture")
    assert np.array_equal(grey, np.repeat(BANDS[..., [3]], 3, axis=2))


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_bands_of_any_picture_can_be_chosen(mode, tmp_path):
    colours = np.zeros((4, 6, 3), np.uint8)
    colours[:, :3], colours[:, 3:] = (10, 20, 30), (200, 100, 50)
    path = tmp_path / "a.png"
    picture = Image.fromarray(colours)
    (picture.quantize(2) if mode == "P" else picture.convert(mode)).save(path)
    assert np.array_equal(read_image(path, bands=(3, 1, 2)), colours[..., [2, 0, 1]])
    assert np.array_equal(read_image(path, bands=(2,))[..., 0], colours[..., 1])


@pytest.mark.parametrize("bands", [(0, 1, 2), (6,), (1, 2), (), (1, 2, 3, 4), (-1,)])
def test_bands_that_are_not_there_are_refused(bands):
    with pytest.raises(ImageError, match="from 1 to 5"):
        pick_colours(BANDS, bands, None, "The picture")


def test_of_many_bands_none_is_guessed():
    with pytest.raises(ImageError, match="5 bands.*--bands"):
        pick_colours(BANDS, None, Stretch(2, 98), "The picture")
    assert np.array_equal(pick_colours(BANDS[..., :4], None, None, "It"), BANDS[..., :3])
    assert np.array_equal(pick_colours(BANDS[..., :3], None, None, "It"), BANDS[..., :3])
    assert pick_colours(BANDS[..., :2], None, None, "It")[1, 2].tolist() == [25, 25, 25]


@given(
    arrays.arrays(np.int32, (4, 5), elements=st.integers(-9000, 9000)),
    st.integers(0, 49),
    st.integers(51, 100),
)
def test_percentiles_stretch_as_the_textbook_does(band, low, high):
    ends = np.percentile(band, [low, high])
    stretched = Stretch(low, high).apply(band)
    assert stretched.dtype == np.uint8
    for value, got in zip(band.ravel().tolist(), stretched.ravel().tolist(), strict=True):
        if value <= ends[0]:
            assert got == 0
        elif value >= ends[1]:
            assert got == 255
        else:
            assert abs(got - 255 * (value - ends[0]) / (ends[1] - ends[0])) <= 0.5 + 1e-6


def test_floats_that_are_no_numbers_are_black_and_do_not_set_the_range():
    floats = np.array([[0.0, 0.5, 1.0, np.nan, np.inf, -np.inf, -3.0]], np.float32)
    assert eight_bits(floats).tolist() == [[0, 128, 255, 0, 0, 0, 0]]


def test_a_stretch_by_samples_and_what_is_no_number():
    band = np.array([[0, 500, 1000, 2000, np.nan, np.inf]], np.float32)
    assert Stretch(0, 1000, percent=False).apply(band).tolist() == [[0, 128, 255, 255, 0, 255]]
    assert Stretch(2, 98).apply(np.full((2, 2), np.nan)).tolist() == [[0, 0], [0, 0]]
    assert Stretch(2, 98).apply(np.full((2, 2), 7)).max() == 0


def test_the_text_of_a_stretch():
    assert Stretch.parse("2%, 98%") == Stretch(2, 98)
    assert Stretch.parse("-5,1e3") == Stretch(-5, 1000, percent=False)
    for text in ("2%", "2%,98", "98%,2%", "-1%,50%", "0%,101%", "a,b", "", "1,2,3", "5,5", "nan,1"):
        with pytest.raises(UsageError):
            Stretch.parse(text)


def test_read_image_takes_arrays_of_any_range_and_number_of_bands_then():
    deep = np.stack([BANDS[..., 0]] * 6, axis=-1).astype(np.int16) * 100 - 500
    image = read_image(deep, bands=(1, 6, 2), stretch=Stretch(-500, 2000, percent=False))
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[1, 2].tolist() == [255, 255, 255]
    with pytest.raises(ImageError, match="choice of bands"):
        read_image(deep)


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        (np.array([[True, False]]), [255, 0]),
        (np.array([[0, 65535]], np.uint16), [0, 255]),
        (np.array([[-7, 257 * 9]], np.int16), [0, 9]),
        (np.array([[0.0, 0.2]]), [0, 51]),
        (np.array([[0.0, 51.0]]), [0, 51]),
        (np.array([[np.nan, 1e9]]), [0, 255]),
        (np.array([[0, 2**31]], np.int64), [0, 255]),
    ],
)
def test_each_number_type_has_its_white(samples, wanted):
    assert eight_bits(samples).tolist() == [wanted]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_upright_is_the_same_for_any_number_of_bands(orientation):
    turned = turn_upright(BANDS, orientation)
    assert all(
        np.array_equal(turned[..., band], turn_upright(BANDS[..., band], orientation))
        for band in range(5)
    )
