"""From proposals to labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lexiseg.methods.car import CaR, Scene
from lexiseg.methods.car.postprocess import binary_masks, label_map, strongest, to_image_size
from lexiseg.methods.car.proposals import enlarge
from lexiseg.ops.crf import CrfConfig


@pytest.fixture
def scene(car: CaR, picture: Callable[..., NDArray[np.uint8]]) -> Scene:
    return car.encode(picture())


def random_maps(scene: Scene, count: int) -> torch.Tensor:
    size = scene.grid_hw[0] * scene.grid_hw[1]
    return torch.rand(count, size, generator=torch.Generator().manual_seed(count))


def test_without_a_crf_the_strongest_wins_each_pixel(car: CaR, scene: Scene) -> None:
    config = replace(car.config, use_crf=False)
    maps = random_maps(scene, 3)
    soft = enlarge(maps, scene.grid_hw, scene.canvas_hw).numpy()
    expected = np.concatenate([1 - soft.max(0, keepdims=True), soft]).argmax(0)
    np.testing.assert_array_equal(label_map(scene, maps, config), expected)


def test_all_background_is_an_answer(car: CaR, scene: Scene) -> None:
    nothing = random_maps(scene, 2) * 0
    assert not label_map(scene, nothing, car.config).any()
    assert not label_map(scene, nothing[:0], car.config).any()
    assert not binary_masks(scene, nothing, car.config).any()
    none = binary_masks(scene, nothing[:0], car.config)
    assert none.shape == (0, *scene.canvas_hw) and none.dtype == bool


def test_binary_masks_equal_one_label_at_a_time(car: CaR, scene: Scene) -> None:
    maps = random_maps(scene, 3)
    masks = binary_masks(scene, maps, car.config)
    for row, mask in zip(maps, masks, strict=True):
        alone = label_map(scene, row[None], car.config) == 1
        assert (mask == alone).mean() > 0.999


def test_too_many_labels_leave_the_leading_ones(
    car: CaR, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(car.config, use_crf=False)
    maps = random_maps(scene, 4)
    maps[2] = 0.99
    limit = 2 * scene.canvas[..., 0].size
    monkeypatch.setattr("lexiseg.methods.car.postprocess.LABEL_ELEMENTS", limit)
    labels = set(np.unique(label_map(scene, maps, config)).tolist())
    assert 3 in labels and len(labels - {0}) <= 2


def test_strongest_counts_led_patches() -> None:
    maps = torch.tensor([[0.9, 0.1, 0.1], [0.2, 0.8, 0.8], [0.0, 0.0, 0.0]])
    assert strongest(maps, 5).tolist() == [0, 1, 2]
    assert strongest(maps, 2).tolist() == [0, 1]
    assert strongest(maps, 1).tolist() == strongest(maps, 0).tolist() == [1]


def test_labels_grow_by_nearest_pixel() -> None:
    labels = np.array([[1, 2]])
    assert to_image_size(labels, (2, 4)).tolist() == [[1, 1, 2, 2]] * 2
    assert to_image_size(labels, (1, 2)) is labels


def test_each_setting_of_the_crf_has_its_own_field(car: CaR, scene: Scene) -> None:
    """Without an iteration the field changes nothing; it is built once per setting."""
    unary = np.random.default_rng(0).random((2, *scene.canvas_hw), dtype=np.float32)
    plain = scene.crf(CrfConfig(iterations=0))
    share = np.exp(-unary) / np.exp(-unary).sum(axis=0)
    np.testing.assert_allclose(plain.infer(unary), share, atol=1e-6)
    assert np.abs(scene.crf(car.config.crf).infer(unary) - share).max() > 0.05
    assert scene.crf(CrfConfig(iterations=0)) is plain
