from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.models.clip import Preprocessing
from lexiseg.models.fc_clip import InputSize, prepare


def test_sizes_equal_those_of_detectron2(shared) -> None:
    file = shared / "reference" / "oracle" / "resize_shortest_edge.json"
    if not file.is_file():
        pytest.skip("needs the oracle reference pack")
    for name, pairs in json.loads(file.read_text()).items():
        short, longest = (int("".join(filter(str.isdigit, part))) for part in name.split("_"))
        for given, expected in pairs:
            assert InputSize(short, longest).fit(tuple(given)) == tuple(expected), (name, given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [((427, 640), (800, 1199)), ((1200, 3000), (533, 1333)), ((1, 9000), (1, 1333))],
)
def test_shorter_side_is_fitted_unless_the_longer_would_be_too_long(given, expected) -> None:
    assert InputSize().fit(given) == expected


def test_pixels_are_resized_normalized_and_padded_with_zeros() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    colors = Preprocessing()
    pixels, frame = prepare(image, InputSize(45, 100), colors)
    assert pixels.shape == (1, 3, 64, 64)
    assert (frame.image_hw, frame.content_hw, frame.frame_hw) == ((30, 40), (45, 60), (64, 64))
    small = np.asarray(Image.fromarray(image).resize((60, 45), Image.Resampling.BILINEAR))
    torch.testing.assert_close(pixels[..., :45, :60], colors.normalize(small))
    assert not pixels[..., 45:, :].any() and not pixels[..., 60:].any()


def test_colors_are_those_of_the_published_config() -> None:
    grey = Preprocessing().normalize(np.zeros((1, 1, 3), np.uint8)).flatten()
    mean = torch.tensor([122.7709383, 116.7460125, 104.09373615])
    std = torch.tensor([68.5005327, 66.6321579, 70.32316305])
    torch.testing.assert_close(grey, -mean / std)


def test_sides_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="short"):
        InputSize(short=8)
