"""Frames of every shape, against transformers' processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from lexiseg.errors import CheckpointError, UsageError
from lexiseg.models.sam import Preprocessing

SQUARE = Preprocessing(64)


@pytest.mark.parametrize("size", [(50, 37), (37, 50), (64, 64), (9, 300), (130, 70)])
def test_padding_is_that_of_transformers(picture_of, size):
    processor = SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    image = picture_of(*size)
    wanted = processor(image, return_tensors="pt")
    torch.testing.assert_close(SQUARE(image), wanted["pixel_values"].float(), atol=1e-5, rtol=0)
    assert list(SQUARE.frame(size).content_hw) == wanted["reshaped_input_sizes"][0].tolist()


def test_stretching_fills_the_square(picture_of):
    image = picture_of(20, 50)
    pixels = Preprocessing(32, keep_aspect=False, mean=(0.5,) * 3, std=(0.5,) * 3)(image)
    resized = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR))
    wanted = torch.tensor(resized / 127.5 - 1).permute(2, 0, 1)[None].float()
    torch.testing.assert_close(pixels, wanted, atol=1e-5, rtol=0)


def test_prompts_may_live_in_a_larger_frame():
    preprocessing = Preprocessing(64, prompt_size=128)
    frame = preprocessing.frame((30, 60))
    assert frame.frame_hw == (128, 128) and frame.content_hw == (64, 128)
    assert frame.scale_xy == (128 / 60, 64 / 30)
    assert preprocessing(np.zeros((30, 60, 3), np.uint8)).shape == (1, 3, 64, 64)


def test_a_thin_panorama_keeps_a_row():
    assert SQUARE.frame((1, 4096)).content_hw == (1, 64)


def test_preprocessor_file_is_read():
    read = Preprocessing.from_huggingface(
        {"size": {"height": 64, "width": 64}, "image_mean": [0, 0, 0], "resample": 3}, SQUARE
    )
    assert not read.keep_aspect and read.mean == (0, 0, 0) and read.std == SQUARE.std
    assert read.resample == Image.Resampling.BICUBIC
    for default in (SQUARE, Preprocessing(64, keep_aspect=False)):
        assert Preprocessing.from_huggingface({}, default) == default


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"longest_edge": 1024}},
        {"size": 7},
        {"image_mean": [0.5]},
        {"image_std": [0, 1, 1]},
        {"image_std": ["a"]},
        {"resample": 99},
    ],
)
def test_a_preprocessor_file_that_does_not_fit(settings):
    with pytest.raises(CheckpointError):
        Preprocessing.from_huggingface(settings, SQUARE)


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 3), (4, 4, 4)])
def test_not_an_image(shape):
    with pytest.raises(UsageError, match="uint8"):
        SQUARE(np.zeros(shape, np.uint8))
