from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.errors import UsageError
from lexiseg.methods.zero_guidance import candidates
from lexiseg.methods.zero_guidance.candidates import (
    drop_vanished,
    enlarge,
    find_segments,
    refine,
    unary_energies,
)
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.models.dino import Dino, DinoConfig, DinoNetwork

SMALL = ZeroGuidanceConfig(short_side=32, stride=4)


@pytest.fixture(scope="module")
def dino() -> Dino:
    """Random weights that see colors and, a little, where they are."""
    torch.manual_seed(0)
    return Dino(DinoNetwork(DinoConfig(32, 2, 2, 8, 4, 64)))


@pytest.fixture(scope="module")
def blind_dino() -> Dino:
    """The same without positions: equal patches cannot be told apart."""
    torch.manual_seed(0)
    network = DinoNetwork(DinoConfig(32, 2, 2, 8, 4, 64))
    network.pos_embed.data.zero_()
    return Dino(network)


@pytest.fixture(scope="module")
def halves() -> np.ndarray:
    """(32, 48, 3): red and blue with a slanted border."""
    rows, columns = np.indices((32, 48))
    left = columns < 18 + rows // 3
    image = np.where(left[..., None], (220, 30, 20), (20, 60, 200))
    noise = np.random.default_rng(0).integers(-6, 7, image.shape)
    return (image + noise).astype(np.uint8)


def assert_sound(segments, size_hw) -> None:
    assert segments.labels.shape == size_hw and segments.labels.dtype == np.int16
    assert np.array_equal(np.unique(segments.labels), np.arange(len(segments.ids)))
    assert len(set(segments.ids)) == len(segments.ids)
    parents = {ancestor for t in segments.ids for ancestor in above(t)}
    assert not parents & set(segments.ids), "a segment lies inside another"


def above(number: int) -> list[int]:
    return [] if number == 0 else [(number - 1) // 2, *above((number - 1) // 2)]


@pytest.mark.parametrize("linkage", ["ward", "fast", "grid"])
def test_borders_follow_the_picture(dino, halves, linkage: str) -> None:
    config = ZeroGuidanceConfig(short_side=32, stride=2, linkage=linkage)
    segments = find_segments(halves, dino, config)
    assert_sound(segments, (32, 48))
    red = halves[..., 0] > 120
    masks = [segments.labels == label for label in range(len(segments))]
    purity = [max(red[mask].mean(), 1 - red[mask].mean()) for mask in masks]
    weights = [mask.mean() for mask in masks]
    assert len(segments) >= 2 and np.dot(purity, weights) > 0.98


@pytest.mark.parametrize("facet", ["query", "key", "value"])
def test_every_facet_describes(dino, halves, facet: str) -> None:
    config = ZeroGuidanceConfig(short_side=32, stride=4, facet=facet, normalize=False)
    assert_sound(find_segments(halves, dino, config), (32, 48))


def test_patches_are_coarse_without_the_crf(dino, halves) -> None:
    config = ZeroGuidanceConfig(short_side=32, stride=8, use_crf=False)
    labels = find_segments(halves, dino, config).labels
    assert np.array_equal(labels, labels[::8, ::8].repeat(8, axis=0).repeat(8, axis=1))


def test_splits_bound_the_segments(dino) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    loose = {"short_side": 40, "stride": 4, "max_sibling_cosine": 2.0, "use_crf": False}
    assert len(find_segments(noise, dino, ZeroGuidanceConfig(**loose))) == 20
    halved = ZeroGuidanceConfig(**loose, splits="half")
    assert len(find_segments(noise, dino, halved)) == 11


@pytest.mark.parametrize(
    ("image_hw", "seen_hw"),
    [((1, 1), (32, 32)), ((3, 400), (12, 1599)), ((400, 3), (1599, 12)), ((1, 9000), (8, 2400))],
    ids=str,
)
def test_extreme_pictures_stay_bounded(dino, image_hw, seen_hw) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*image_hw, 3), dtype=np.uint8)
    config = ZeroGuidanceConfig(short_side=32, stride=2, max_tokens=300)
    assert_sound(find_segments(image, dino, config), seen_hw)


def test_one_color_without_positions_is_one_segment(blind_dino) -> None:
    image = np.full((20, 30, 3), 90, np.uint8)
    segments = find_segments(image, blind_dino, SMALL)
    assert segments.ids == (0,) and not segments.labels.any()


def test_one_color_with_positions_is_cut_somewhere(dino) -> None:
    assert_sound(find_segments(np.full((20, 30, 3), 90, np.uint8), dino, SMALL), (32, 48))


def test_a_picture_of_one_patch_is_one_segment(dino) -> None:
    config = ZeroGuidanceConfig(short_side=8, stride=8)
    assert find_segments(np.zeros((5, 5, 3), np.uint8), dino, config).ids == (0,)


def test_same_picture_same_segments(dino, halves) -> None:
    first, second = (find_segments(halves, dino, SMALL) for _ in range(2))
    assert np.array_equal(first.labels, second.labels) and first.ids == second.ids


def test_a_stride_that_does_not_divide_the_patch_is_refused(dino, halves) -> None:
    with pytest.raises(UsageError, match="stride"):
        find_segments(halves, dino, ZeroGuidanceConfig(short_side=32, stride=3))


def test_energies_are_squared_distances_below_the_worst() -> None:
    features, centroids = torch.randn(3, 4, 6), torch.randn(5, 6).double()
    expected = np.empty((5, 3, 4))
    for k in range(5):
        for y in range(3):
            for x in range(4):
                expected[k, y, x] = ((features[y, x].double() - centroids[k]) ** 2).sum()
    expected -= expected.max(axis=0)
    np.testing.assert_allclose(unary_energies(features, centroids), expected, atol=1e-5)


@pytest.mark.parametrize("size_hw", [(9, 16), (3, 5), (1, 1), (31, 7)])
def test_enlarging_takes_the_nearest_patch(size_hw: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, 5)
    assert torch.equal(enlarge(maps, size_hw), F.interpolate(maps[None], size_hw)[0])


def test_leaves_that_win_no_pixel_take_their_ids_with_them() -> None:
    labels = np.array([[2, 2, 0], [4, 0, 0]])
    segments = drop_vanished(labels, (1, 5, 13, 27, 28))
    assert segments.ids == (1, 13, 28)
    assert segments.labels.tolist() == [[1, 1, 0], [2, 0, 0]]


def test_the_crf_makes_small_leaves_vanish(halves) -> None:
    energies = torch.zeros(3, 4, 6)
    energies[0, :, :3] = energies[1, :, 3:] = -3
    energies[2, 2, 1] = -3.1  # one patch against all its neighbors
    labels = refine(energies, halves, SMALL.crf)
    assert set(np.unique(labels)) == {0, 1}


def test_too_many_labels_are_refined_on_a_smaller_picture(halves, monkeypatch) -> None:
    energies = torch.zeros(2, 4, 6)
    energies[0, :, :3] = energies[1, :, 3:] = -3
    full = refine(energies, halves, SMALL.crf)
    monkeypatch.setattr(candidates, "LABEL_ELEMENTS", 2 * 16 * 24)
    small = refine(energies, halves, SMALL.crf)
    assert small.shape == full.shape and (small == full).mean() > 0.9
    assert np.array_equal(small, small[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))
