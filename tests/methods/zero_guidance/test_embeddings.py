"""Segments on the shared prefix against one pass per segment; masks against counting pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.methods.zero_guidance import embeddings as module
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.embeddings import (
    CropEmbedder,
    MaskedEmbedder,
    area_masks,
    build_embedder,
    pad_segments,
    pad_square,
    segment_attentions,
    squash,
    token_masks,
)
from lexiseg.methods.zero_guidance.segments import Segments


def some_segments(seed=0, count=5, size_hw=(30, 44)):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, size_hw, (count, 2))
    place = np.stack(np.meshgrid(*map(np.arange, size_hw), indexing="ij"), axis=-1)
    nearest = np.linalg.norm(place[:, :, None] - points, axis=-1).argmin(axis=-1)
    return Segments(nearest.astype(np.int16), tuple(range(count, 2 * count)))


def plain_pass(clip, image, segments, unions, config):
    """The whole tower for each union by itself."""
    tower = clip.visual
    pixels = clip.preprocessing.normalize(squash(image, tower.config.image_size))
    rows = []
    for union in unions:
        mask = np.isin(segments.labels, union)
        grid = tower.config.grid
        area = F.interpolate(torch.from_numpy(mask).float()[None, None], (grid, grid), mode="area")
        attentions = segment_attentions(tower, token_masks(area[0]), config)
        tokens = tower.run(tower.embed(pixels), attention=attentions)
        rows.append(tower.project(tokens[:, 0]))
    return torch.cat(rows)


@pytest.mark.parametrize("saliency", ["rows", "outputs", "head-outputs", "projected"])
@pytest.mark.parametrize("masked_blocks", [1, 2, 3])
def test_equals_one_pass_per_segment(clip, picture, saliency, masked_blocks):
    config = ZeroGuidanceConfig(masked_blocks=masked_blocks, saliency=saliency)
    segments, unions = some_segments(), [(0,), (1, 2), (3,), (0, 1, 2, 3, 4)]
    fast = MaskedEmbedder(clip, picture, segments, config).embed(unions)
    slow = plain_pass(clip, picture, segments, unions, config)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)


def test_chunks_change_nothing(clip, picture, monkeypatch):
    embedder = MaskedEmbedder(clip, picture, some_segments(), ZeroGuidanceConfig(masked_blocks=2))
    unions = [(label,) for label in range(5)]
    whole = embedder.embed(unions)
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", 1)
    torch.testing.assert_close(embedder.embed(unions), whole, atol=1e-6, rtol=1e-5)
    assert embedder.embed([]).shape == (0, whole.shape[1])


def test_the_whole_picture_is_plain_clip_without_subtraction(clip, picture):
    config = ZeroGuidanceConfig(masked_blocks=3, sigma_squared=None)
    whole = MaskedEmbedder(clip, picture, some_segments(), config).embed([(0, 1, 2, 3, 4)])
    pixels = clip.preprocessing.normalize(squash(picture, clip.visual.config.image_size))
    torch.testing.assert_close(whole, clip.image_features(pixels), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("saliency", ["rows", "outputs"])
def test_the_weight_of_the_subtraction(clip, picture, saliency):
    config = ZeroGuidanceConfig(masked_blocks=2, saliency=saliency)
    embedder = MaskedEmbedder(clip, picture, some_segments(), config)
    whole, part = embedder.subtraction([(0, 1, 2, 3, 4), (2,)])
    assert whole.tolist() == pytest.approx([np.exp(-4 / 5)] * 2, abs=1e-4)  # S = 1
    assert (part > whole).all() and (part <= 1).all()
    plain = ZeroGuidanceConfig(masked_blocks=2, sigma_squared=None)
    assert not MaskedEmbedder(clip, picture, some_segments(), plain).subtraction([(0,)]).any()


def test_what_a_segment_does_not_show_matters_only_before_the_masked_blocks(clip, picture):
    """With every block masked, pixels outside the segment's patches change nothing."""
    side, edge = clip.visual.config.image_size, 2 * clip.visual.config.patch_size
    image = squash(picture, side)
    labels = np.zeros((side, side), np.int16)
    labels[:, edge:] = 1
    segments = Segments(labels, (1, 2))
    other = image.copy()
    other[:, edge:] = 255 - other[:, edge:]
    for blocks, alike in ((3, True), (1, False)):
        config = ZeroGuidanceConfig(masked_blocks=blocks, sigma_squared=None)
        one, two = (
            MaskedEmbedder(clip, seen, segments, config).embed([(0,)]) for seen in (image, other)
        )
        assert torch.allclose(one, two, atol=1e-5) == alike


def test_too_many_masked_blocks_are_refused(clip, picture):
    with pytest.raises(UsageError, match="3 blocks"):
        MaskedEmbedder(clip, picture, some_segments(), ZeroGuidanceConfig(masked_blocks=4))


def test_crops_are_boxes_on_black(clip, picture):
    segments = some_segments()
    embedder = build_embedder(clip, picture, segments, ZeroGuidanceConfig(embedding="crop"))
    assert isinstance(embedder, CropEmbedder)
    rows = embedder.embed([(0,), (1, 3)])
    mask = np.isin(segments.labels, (1, 3))
    top, left = np.argwhere(mask).min(axis=0)
    bottom, right = np.argwhere(mask).max(axis=0)
    cut = (picture * mask[..., None])[top : bottom + 1, left : right + 1]
    pixels = clip.preprocessing.normalize(squash(cut, clip.visual.config.image_size))
    torch.testing.assert_close(rows[1:], clip.image_features(pixels))


def test_a_crop_inside_the_picture_is_cut_on_all_four_sides(clip, picture):
    labels = np.zeros((30, 44), np.int16)
    labels[7:12, 9:20] = labels[15, 30] = 1
    embedder = CropEmbedder(clip, picture, Segments(labels, (1, 2)))
    expected = (picture * (labels == 1)[..., None])[7:16, 9:31]
    np.testing.assert_array_equal(embedder._cut([1]), expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 5), st.integers(1, 4))
def test_areas_are_shares_of_pixels(seed, count, rows, columns):
    grid = 3
    segments = some_segments(seed, count, (grid * rows, grid * columns))
    areas = area_masks(segments, grid)
    for label in range(count):
        for row in range(grid):
            for column in range(grid):
                patch = segments.labels[
                    row * rows : (row + 1) * rows, column * columns : (column + 1) * columns
                ]
                assert float(areas[label, row, column]) == pytest.approx((patch == label).mean())
    assert torch.allclose(areas.sum(dim=0), torch.ones(grid, grid))


def test_no_segments_have_no_areas():
    nothing = Segments(np.full((4, 4), -1, np.int16), ())
    assert area_masks(nothing, 3).shape == (0, 3, 3)


def test_a_picture_of_one_pixel_fills_its_square(clip):
    segments = Segments(np.zeros((8, 8), np.int16), (0,))
    pixel = np.full((1, 1, 3), 99, np.uint8)
    config = ZeroGuidanceConfig(square="pad", masked_blocks=2)
    areas = MaskedEmbedder(clip, pixel, segments, config)._areas
    assert float(areas.min()) == 1.0


@pytest.mark.parametrize("size_hw", [(20, 60), (60, 20), (1, 1), (3, 2000)])
def test_padding_keeps_picture_and_labels_together(size_hw):
    image = np.full((*size_hw, 3), 200, np.uint8)
    labels = np.zeros((24, 24), np.int16)
    square = pad_square(image, 32, (0.0, 0.0, 0.0))
    padded = pad_segments(Segments(labels, (0,)), size_hw, 32)
    assert square.shape == (32, 32, 3) and padded.labels.shape == (32, 32)
    assert np.array_equal(square[..., 0] > 0, padded.labels == 0)
    assert (padded.labels == 0).any()


def test_padding_is_seen_by_no_segment(clip, picture):
    config = ZeroGuidanceConfig(square="pad", masked_blocks=2)
    embedder = MaskedEmbedder(clip, picture, some_segments(), config)
    assert embedder.embed([(0,), (1, 2, 3, 4)]).isfinite().all()
    assert embedder._areas.sum() < 0.75 * clip.visual.config.grid**2
