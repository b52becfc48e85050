from __future__ import annotations

import torch

from lexiseg.training.mini.fc_clip.pictures import Pictures


def test_masks_and_labels_are_those_of_the_scene() -> None:
    pictures = Pictures(64, seed=3)
    pixels, truths = pictures.draw(5, 2, torch.Generator().manual_seed(0))
    assert pixels.shape == (2, 3, 64, 64) and pixels.min() >= 0 and pixels.max() <= 1
    for number, truth in enumerate(truths, start=5):
        sample = pictures.segments[number]
        assert truth.labels.tolist() == [item.class_index for item in sample.segments]
        assert truth.masks.sum(dim=(1, 2)).tolist() == [item.area for item in sample.segments]
        assert truth.masks.sum(dim=0).max() <= 1


def test_a_mirrored_picture_has_mirrored_masks() -> None:
    pictures = Pictures(64)
    draws = [pictures.draw(0, 1, torch.Generator().manual_seed(seed)) for seed in range(8)]
    plain, (first,) = draws[0]
    turned = [not torch.equal(pixels, plain) for pixels, _ in draws]
    assert any(turned) and not all(turned)
    for (pixels, (truth,)), other in zip(draws, turned, strict=True):
        assert torch.equal(pixels, plain.flip(3) if other else plain)
        assert torch.equal(truth.masks, first.masks.flip(2) if other else first.masks)


def test_scenes_come_again() -> None:
    pictures = Pictures(64, scenes=2)
    first, _ = pictures.draw(0, 1, torch.Generator().manual_seed(0))
    later, _ = pictures.draw(2, 1, torch.Generator().manual_seed(0))
    assert torch.equal(first, later)
