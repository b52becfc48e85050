import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lexiseg.errors import CheckpointError, UsageError
from lexiseg.models.clip import Preprocessing, center_square, preprocess, resize_to_multiple


def make_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth color waves with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (3 + c) + y / (5 + c)) * 100 + 128 for c in range(3)]
    noisy = np.stack(waves, -1) + rng.normal(0, 8, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), multiple=st.integers(1, 20))
def test_resize_to_multiple_takes_the_next_multiple(height, width, multiple):
    resized = resize_to_multiple(make_image(height, width), multiple)
    for side, new in zip((height, width), resized.shape[:2], strict=True):
        assert new % multiple == 0 and side <= new < side + multiple


def test_resize_to_multiple_keeps_fitting_images():
    image = make_image(32, 48)
    assert np.array_equal(resize_to_multiple(image, 16), image)


@pytest.mark.parametrize(
    "size_hw", [(75, 108), (300, 260), (224, 400), (100, 50), (60, 60), (224, 224)]
)
def test_squares_equal_the_clip_processor(size_hw):
    # Sizes whose excess is even: for odd ones Hugging Face's processor cuts one pixel elsewhere.
    import transformers

    image = make_image(*size_hw)
    processor = transformers.CLIPImageProcessorPil()
    expected = processor(Image.fromarray(image), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(Preprocessing().squares([image]), expected, atol=1e-5, rtol=0)


def test_square_starts_at_the_rounded_half_of_the_excess():
    image = make_image(8, 13)  # 5 columns too many: round(2.5) is 2
    assert np.array_equal(center_square(image, 8), image[:, 2:10])
    image = make_image(8, 15)  # round(3.5) is 4
    assert np.array_equal(center_square(image, 8), image[:, 4:12])


@pytest.mark.parametrize("size_hw", [(100, 300), (300, 100), (37, 200)])
def test_cutting_before_resizing_gives_the_same_square(size_hw, monkeypatch):
    image = make_image(*size_hw)
    whole = center_square(image, 64)
    monkeypatch.setattr(preprocess, "WHOLE_RESIZE_PIXELS", 0)
    assert np.abs(center_square(image, 64).astype(int) - whole).max() <= 1


def test_extreme_strips_need_no_extreme_memory():
    assert center_square(make_image(1, 20000)).shape == (224, 224, 3)
    assert center_square(make_image(20000, 3)).shape == (224, 224, 3)
    assert center_square(make_image(1, 1)).shape == (224, 224, 3)


def test_normalize_takes_one_image_or_several():
    images = [make_image(16, 24, seed) for seed in range(3)]
    batch = Preprocessing().normalize(images)
    assert batch.shape == (3, 3, 16, 24) and batch.dtype == torch.float32
    assert torch.equal(Preprocessing().normalize(images[1]), batch[1:2])
    value = (images[2][5, 7, 1] / 255 - preprocess.MEAN[1]) / preprocess.STD[1]
    assert batch[2, 1, 5, 7].item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("mean", [0.5, [0.5], ["a", "b", "c"], None])
def test_color_statistics_of_the_wrong_kind_are_refused(mean):
    with pytest.raises(CheckpointError, match="three numbers"):
        Preprocessing.from_huggingface({"image_mean": mean}, 32)


def test_inputs_are_not_modified():
    image = make_image(20, 30)
    copy = image.copy()
    Preprocessing(16).squares([image])
    Preprocessing().normalize(resize_to_multiple(image, 10))
    assert np.array_equal(image, copy)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(UsageError, match="uint8 RGB"):
        center_square(image)
    with pytest.raises(UsageError, match="uint8 RGB"):
        resize_to_multiple(image)


def test_cam_pixels_equal_the_released_ones(car_pack):
    image = car_pack.arrays["image_u8"].numpy()
    pixels = Preprocessing().normalize(resize_to_multiple(image))
    torch.testing.assert_close(pixels, car_pack.arrays["cam.image"], atol=1e-6, rtol=0)


def test_classifier_pixels_equal_the_released_ones(car_pack):
    prompted = [car_pack.arrays["prompt.circle_blur"][i].numpy() for i in range(3)]
    pixels = Preprocessing(64).squares(prompted)
    torch.testing.assert_close(pixels, car_pack.arrays["cls.image"], atol=1e-6, rtol=0)
