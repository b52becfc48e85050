from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lexiseg.errors import CheckpointError
from lexiseg.models.dino import Sampling, Statistics, choose_sampling, resize


def tokens(sampling: Sampling, patch: int) -> int:
    rows, columns = (1 + (side - patch) // sampling.stride for side in sampling.size_hw)
    return rows * columns


@pytest.mark.parametrize(
    ("image_hw", "expected"),
    [
        ((224, 224), Sampling((224, 224), 2)),
        ((667, 1000), Sampling((224, 335), 2)),  # the longer side is rounded down
        ((1000, 667), Sampling((335, 224), 2)),
        ((1, 1), Sampling((224, 224), 2)),
        ((200, 4096), Sampling((224, 4587), 8)),  # a panorama: a coarser grid
        ((100, 600), Sampling((224, 1344), 4)),
        ((10, 20_000), Sampling((28, 56_568), 8)),  # shrunk
        ((1, 10**8), Sampling((8, 200_000), 8)),  # squeezed
    ],
)
def test_sampling_rule(image_hw: tuple[int, int], expected: Sampling) -> None:
    assert choose_sampling(image_hw, 224, 8, 2, 25_000) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from([8, 14, 16]),
    st.sampled_from([1, 2]), st.integers(16, 30_000), st.integers(8, 500),
)  # fmt: skip
def test_bounds_always_hold(
    height: int, width: int, patch: int, stride: int, limit: int, short_side: int
) -> None:
    sampling = choose_sampling((height, width), short_side, patch, stride, limit)
    assert min(sampling.size_hw) >= patch
    assert patch % sampling.stride == 0 and sampling.stride >= stride
    assert tokens(sampling, patch) <= limit


def test_resize_is_lanczos_and_leaves_the_right_size_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert resize(image, (20, 30)) is image
    expected = Image.fromarray(image).resize((45, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(resize(image, (32, 45)), np.asarray(expected))


def test_statistics_of_a_checkpoint_or_of_imagenet() -> None:
    image = np.full((2, 3, 3), 255, np.uint8)
    pixels = Statistics().normalize(image, torch.device("cpu"))
    assert pixels.shape == (1, 3, 2, 3)
    torch.testing.assert_close(
        pixels[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.64]), rtol=1e-4, atol=0
    )
    told = Statistics.from_huggingface({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5] * 3})
    assert told.normalize(image, torch.device("cpu")).unique().tolist() == [1.0]
    assert Statistics.from_huggingface({}) == Statistics()
    with pytest.raises(CheckpointError, match="deviation"):
        Statistics.from_huggingface({"image_mean": [0.5]})
