"""Label Studio's run lengths, against a slow encoder written after their description."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lexiseg.errors import UsageError
from lexiseg.ops.brush_rle import decode_brush, encode_brush


def written_brush(alpha, longest=65536, literals=True):
    """RGBA in rows, four times the alpha, as bytes; runs of equal values, or literal blocks."""
    values = np.repeat(alpha.ravel(), 4).tolist()
    sizes = [3, 4, 8, 16]
    bits = [f"{len(values):032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in sizes)]
    place = 0
    while place < len(values):
        run = 1
        while place + run < len(values) and values[place + run] == values[place] and run < longest:
            run += 1
        repeats = run > 1 or not literals
        length = run if repeats else min(3, len(values) - place)
        choice = next(i for i, size in enumerate(sizes) if length - 1 < 2**size)
        bits += ["1" if repeats else "0", f"{choice:02b}", f"{length - 1:0{sizes[choice]}b}"]
        block = values[place : place + 1] if repeats else values[place : place + length]
        bits += [f"{value:08b}" for value in block]
        place += length
    stream = "".join(bits)
    stream += "0" * (8 - len(stream) % 8)
    return [int(stream[i : i + 8], 2) for i in range(0, len(stream), 8)]


@given(
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    st.sampled_from([1, 5, 65536]),
    st.booleans(),
)
def test_alpha_comes_back(alpha, longest, literals):
    assert np.array_equal(decode_brush(written_brush(alpha, longest, literals), alpha.shape), alpha)


def decoded_alpha(packed, size_hw):
    """A slow reader of the stream, bit by bit, after the program's own JavaScript."""
    bits = "".join(f"{byte:08b}" for byte in packed)
    place = 0

    def read(width):
        nonlocal place
        place += width
        return int(bits[place - width : place], 2)

    count, width = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        repeats = read(1)
        length = read(sizes[read(2)]) + 1
        values += [read(width)] * length if repeats else [read(width) for _ in range(length)]
    assert len(values) == count and 1 <= len(bits) - place <= 8  # padding, never none
    return np.array(values, np.uint8).reshape(*size_hw, 4)


@given(
    arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.sampled_from([0, 255]),
        fill=st.just(0),
    )
)
def test_what_is_written_is_the_mask_in_every_channel(alpha):
    decoded = decoded_alpha(encode_brush(alpha), alpha.shape)
    assert np.array_equal(decoded, np.repeat(alpha[..., None], 4, axis=2))


@pytest.mark.parametrize("pixels", [16384, 16385, 32768, 40000])
def test_runs_beyond_the_longest_are_split(pixels):
    alpha = np.full((1, pixels), 255, np.uint8)
    assert (decoded_alpha(encode_brush(alpha), alpha.shape) == 255).all()


@pytest.mark.parametrize("pairs", range(1, 9))
def test_a_stream_that_fills_its_last_byte_has_one_more(pairs):
    bits = 53 + 2 * pairs * (1 + 2 + 3 + 8)  # the head, then runs of four values
    packed = encode_brush(np.array([[0, 255] * pairs], np.uint8))
    assert len(packed) == bits // 8 + 1


def test_the_programs_own_library_writes_the_same_bytes():
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="extra label-studio")

    @given(
        arrays.arrays(
            np.uint8,
            arrays.array_shapes(min_dims=2, max_dims=2, max_side=30),
            elements=st.sampled_from([0, 255]),
            fill=st.just(0),
        )
    )
    def same(alpha):
        packed = encode_brush(alpha)
        assert packed == brush.mask2rle(alpha)
        decoded = brush.decode_rle(packed).reshape(*alpha.shape, 4)
        assert np.array_equal(decoded[..., 3], alpha)

    same()
    assert encode_brush(np.full((150, 170), 255, np.uint8)) == brush.mask2rle(
        np.full((150, 170), 255, np.uint8)
    )


def test_long_runs_are_split_and_large_pictures_are_fast():
    alpha = np.zeros((600, 700), np.uint8)
    alpha[100:400, 200:450] = 255
    assert np.array_equal(decode_brush(written_brush(alpha), alpha.shape), alpha)
    assert np.array_equal(decode_brush(encode_brush(alpha), alpha.shape), alpha)


def test_what_the_program_itself_writes():
    """A 2 x 3 mask, encoded by label-studio-sdk 2 (converter/brush.py, encode_rle)."""
    packed = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    assert decode_brush(packed, (2, 3)).tolist() == [[0, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize(
    "packed",
    [[], [0, 0], [0] * 40, [255] * 40, written_brush(np.ones((3, 4)).astype(np.uint8))[:-2]],
)
def test_damaged_streams_are_one_sentence(packed):
    with pytest.raises(UsageError) as caught:
        decode_brush(packed, (3, 4))
    assert "\n" not in str(caught.value)
