import colorsys

import pytest
import torch

from lexiseg.training.mini.augment import blur, hue_matrix, mirror, recolor, sample


def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 24, 24, 3), dtype=torch.uint8)


def test_changes_keep_range_and_give_the_asked_size() -> None:
    generator = torch.Generator().manual_seed(0)
    for change in (sample, mirror):
        pixels = recolor(change(images(), 16, generator), generator)
        assert pixels.shape == (3, 3, 16, 16)
        assert pixels.min() >= 0 and pixels.max() <= 1


def test_mirroring_gives_the_picture_or_its_mirror() -> None:
    pictures = images()
    plain = pictures.permute(0, 3, 1, 2).float() / 255
    turned = mirror(pictures, 24, torch.Generator().manual_seed(1))
    for one, other in zip(turned, plain, strict=True):
        assert torch.allclose(one, other) or torch.allclose(one, other.flip(2))


@pytest.mark.parametrize("turn", [1 / 3, 2 / 3])
def test_a_third_of_a_turn_permutes_the_primaries(turn: float) -> None:
    matrix = hue_matrix(torch.tensor([turn * 2 * torch.pi]))[0]
    expected = colorsys.hsv_to_rgb(turn, 1, 1)
    torch.testing.assert_close(
        matrix @ torch.tensor([1.0, 0, 0]), torch.tensor(expected), atol=1e-5, rtol=0
    )


def test_blur_equals_a_direct_sum() -> None:
    pixels = torch.rand(1, 3, 12, 12)
    soft = blur(pixels, 1.0)
    offsets = range(-3, 4)
    kernel = [float(torch.exp(torch.tensor(-0.5 * o * o))) for o in offsets]
    total = sum(kernel)
    value = sum(
        kernel[i] * kernel[j] / total**2 * float(pixels[0, 1, 6 + offsets[i], 5 + offsets[j]])
        for i in range(7)
        for j in range(7)
    )
    assert abs(float(soft[0, 1, 6, 5]) - value) < 1e-5
