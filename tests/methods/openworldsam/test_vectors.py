"""Each pair of picture and text is computed once, in a program and, if asked, beyond it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from lexiseg.methods.openworldsam.vectors import PairVectors, vector_file

NASTY = ["__metadata__", "\ud800", "x" * 10_000, "собака", "", "a/b"]


class Counting:
    """An encoder that remembers what it was asked."""

    width, fingerprint, dtype = 4, "f" * 64, torch.float32

    def __init__(self):
        self.asked = []

    def prepare(self, image):
        return torch.tensor([float(image.sum())])

    def pair_features(self, pixels, texts):
        self.asked += texts
        return torch.stack([torch.full((4,), float(len(text))) + pixels for text in texts])


def test_the_same_text_twice_is_read_once_and_order_is_kept():
    encoder = Counting()
    vectors = PairVectors(encoder, torch.zeros(1))
    first = vectors(["bb", "a", "bb"])
    assert encoder.asked == ["bb", "a"] and first[:, 0].tolist() == [2, 1, 2]
    assert vectors(["a", "ccc"])[:, 0].tolist() == [1, 3] and encoder.asked == ["bb", "a", "ccc"]
    assert vectors([]).shape == (0, 4)


def test_threads_ask_for_a_text_once():
    encoder = Counting()
    vectors = PairVectors(encoder, torch.zeros(1))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: vectors(["a", "bb"]), range(32)))
    assert encoder.asked == ["a", "bb"]


def test_a_folder_outlives_the_program(tmp_path):
    image = np.zeros((3, 4, 3), np.uint8)
    file = vector_file(tmp_path, Counting(), image)
    kept = PairVectors(Counting(), torch.zeros(1), file)(NASTY)
    later = Counting()
    assert torch.equal(PairVectors(later, torch.zeros(1), file)(NASTY), kept)
    assert later.asked == []


@pytest.mark.parametrize("damage", [b"", b"no vectors", None])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    file = vector_file(tmp_path, Counting(), np.zeros((3, 4, 3), np.uint8))
    PairVectors(Counting(), torch.zeros(1), file)(["a"])
    file.write_bytes(file.read_bytes()[:-3] if damage is None else damage)
    again = Counting()
    assert PairVectors(again, torch.zeros(1), file)(["a"])[0, 0] == 1 and again.asked == ["a"]
    assert PairVectors(Counting(), torch.zeros(1), file)(["a"])[0, 0] == 1


def test_other_pictures_shapes_weights_and_precisions_have_other_files(tmp_path):
    image, encoder, other, half = np.zeros((3, 4, 3), np.uint8), Counting(), Counting(), Counting()
    other.fingerprint, half.dtype = "e" * 64, torch.bfloat16
    files = {
        vector_file(tmp_path, encoder, image),
        vector_file(tmp_path, encoder, image + 1),
        vector_file(tmp_path, encoder, image.reshape(4, 3, 3)),
        vector_file(tmp_path, other, image),
        vector_file(tmp_path, half, image),
    }
    assert len(files) == 5
