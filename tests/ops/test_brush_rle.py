"""Label Studio's run lengths, against a slow encoder written after their description."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lexiseg.errors import UsageError
from lexiseg.ops.brush_rle import decode_brush


def encode_brush(alpha, longest=65536, literals=True):
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
    assert np.array_equal(decode_brush(encode_brush(alpha, longest, literals), alpha.shape), alpha)


def test_long_runs_are_split_and_large_pictures_are_fast():
    alpha = np.zeros((600, 700), np.uint8)
    alpha[100:400, 200:450] = 255
    assert np.array_equal(decode_brush(encode_brush(alpha), alpha.shape), alpha)


def test_what_the_program_itself_writes():
    """A 2 x 3 mask, encoded by label-studio-sdk 2 (converter/brush.py, encode_rle)."""
    packed = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    assert decode_brush(packed, (2, 3)).tolist() == [[0, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize(
    "packed",
    [[], [0, 0], [0] * 40, [255] * 40, encode_brush(np.ones((3, 4)).astype(np.uint8))[:-2]],
)
def test_damaged_streams_are_one_sentence(packed):
    with pytest.raises(UsageError) as caught:
        decode_brush(packed, (3, 4))
    assert "\n" not in str(caught.value)
