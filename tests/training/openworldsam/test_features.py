"""What the frozen networks made is kept and found again; pictures are told apart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from lexiseg.errors import ImageError
from lexiseg.training.openworldsam.features import (
    FeatureCaching,
    Features,
    PictureFile,
    VectorStore,
)
from tests.training.openworldsam.data_files import write_picture


class Counting:
    """An encoder that counts what it is asked."""

    name, fingerprint, width = "counting", "c", 4

    def __init__(self) -> None:
        self.asked: list[str] = []

    def prepare(self, image):
        return torch.from_numpy(image).float().mean()[None]

    def pair_features(self, pixels, texts):
        self.asked += texts
        return torch.stack([pixels.repeat(4) + len(text) for text in texts])


@pytest.fixture
def counted(networks):
    return type(networks)(networks.segmenter, Counting())


def picture(value: int = 3) -> PictureFile:
    return PictureFile(np.full((8, 9, 3), value, np.uint8), (8, 9))


def test_only_new_texts_of_new_pictures_are_read(counted, tmp_path: Path) -> None:
    features = Features(counted, FeatureCaching(tmp_path))
    first = features.vectors(picture(), ["a", "bb"])
    assert first[:, 0].tolist() == [4.0, 5.0]
    second = features.vectors(picture(), ["bb", "a", "bb", "ccc"])
    assert second[:, 0].tolist() == [5.0, 4.0, 5.0, 6.0]
    assert features.vectors(picture(7), ["a"])[0, 0] == 8
    assert counted.pairs.asked == ["a", "bb", "ccc", "a"]
    later = Features(counted, FeatureCaching(tmp_path))
    assert torch.equal(later.vectors(picture(), ["a", "bb"]), first)
    assert len(counted.pairs.asked) == 4
    counted.pairs.fingerprint = "d"  # other weights
    later.vectors(picture(), ["a"])
    assert len(counted.pairs.asked) == 5


def test_odd_texts_are_told_apart(counted) -> None:
    features = Features(counted)
    texts = ["", " ", "犬", "a" * 10_000, "it's; DROP TABLE vectors", "\ud800"]
    assert features.vectors(picture(), texts)[:, 0].tolist() == [3.0 + len(t) for t in texts]


def test_vectors_of_two_programs_in_one_file(tmp_path: Path) -> None:
    one, other = VectorStore(tmp_path), VectorStore(tmp_path)
    vector = torch.randn(5)
    one.put("key", vector)
    assert torch.equal(other.get("key"), vector) and other.get("none") is None
    other.put("key", vector)  # the same work done twice


@pytest.mark.parametrize("maps", ["none", "memory", "disk"])
@pytest.mark.parametrize("half", [False, True])
def test_kept_maps_are_those_of_the_first_time(networks, tmp_path: Path, maps, half) -> None:
    features = Features(networks, FeatureCaching(tmp_path, maps, half))
    first, second = (features.embedding(picture()) for _ in range(2))
    plain = networks.segmenter.encode(picture().pixels())
    assert first.frame == second.frame == plain.frame
    for one, other, exact in zip(first.maps, second.maps, plain.maps, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, exact.half().float() if half else exact)
    assert features.needs_pixels(picture()) == (maps == "none")


def test_a_file_that_changes_is_another_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_picture(path)
    first = PictureFile(path, (16, 20)).key()
    assert PictureFile(path, (16, 20)).key() == first
    os.utime(path, ns=(1, 1))
    assert PictureFile(path, (16, 20)).key() != first
    path.unlink()
    with pytest.raises(ImageError, match="does not exist"):
        PictureFile(path, (16, 20)).key()


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png is 20x16 pixels, but its masks are 16x20"):
        PictureFile(tmp_path / "a.png", (20, 16)).pixels()
