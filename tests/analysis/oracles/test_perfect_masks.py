"""True masks named by an encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.analysis.oracles.case import Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.perfect_masks import (
    TEMPLATES,
    ConvEncoder,
    PatchEncoder,
    PictureSize,
    Regions,
    class_texts,
    grid_weights,
    load_encoder,
    with_seen_names,
)
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import Clip, TextConfig
from lexiseg.models.conv_clip import ConvClip, ConvClipConfig, ConvClipNetwork, ConvNextConfig

ANY = PictureSize(64)


class Colours:
    """Sees the mean colour, and reads "red", "green", "blue"."""

    def regions(self, image, masks, size) -> Regions:
        means = [image[mask].mean(axis=0) for mask in masks]
        return Regions(torch.tensor(np.array(means), dtype=torch.float32), 0)

    def texts(self, texts) -> torch.Tensor:
        place = [next(k for k, c in enumerate(("red", "green", "blue")) if c in t) for t in texts]
        return torch.eye(3)[place] * 7


def test_the_nearest_text_names_a_mask_and_stuff_of_one_name_is_one_segment() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, :2, 0], image[:, 2:4, 2], image[:, 4:, 2] = 200, 200, 90
    ids = np.repeat([[1, 1, 2, 2, 3, 3]], 4, axis=0)
    truth = CaseMap(ids, tuple(CaseSegment(n, 0, 8.0) for n in (1, 2, 3, 4)))
    case = Case("", truth, truth)
    classes = CaseClasses.of_names(["red", "lime,green", "navy blue,blue"])
    for things, segments in ((True, [(1, 0), (2, 2), (3, 2)]), (False, [(1, 0), (2, 2)])):
        classes = CaseClasses.of_names(["red", "bright green,green", "blue"], things=things)
        texts = class_texts(Colours(), classes)
        found, _ = with_seen_names(case, image, Colours(), texts, ANY, classes.things)
        assert [(s.id, s.class_index) for s in found.segments] == segments
        assert set(np.unique(found.ids)) == {number for number, _ in segments}


def test_texts_have_unit_length_and_fourteen_sentences() -> None:
    assert len(TEMPLATES["ensemble"]) == len(set(TEMPLATES["ensemble"])) == 14
    classes = CaseClasses.of_names(["red", "dark red,red one,green"])
    rows, owner = class_texts(Colours(), classes, "single")
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))
    assert owner.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("size", "given", "expected"),
    [
        (PictureSize(512), (480, 640), (384, 512)),
        (PictureSize(640), (640, 480), (640, 480)),
        (PictureSize(800, 1333), (480, 640), (800, 1067)),
        (PictureSize(800, 1333), (300, 900), (444, 1333)),
        (PictureSize(512, square=True), (300, 900), (512, 512)),
    ],
)
def test_sizes_of_the_table(size, given, expected) -> None:
    assert size.of(given) == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
def test_weights_sum_to_one_and_lie_where_the_mask_is(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    size = (8 * rows, 8 * columns)
    masks = np.zeros((3, *size), bool)
    masks[0] = rng.random(size) < 0.5
    masks[1, rng.integers(size[0]), rng.integers(size[1])] = True  # a single pixel
    masks[2] = True
    weights, fell_back = grid_weights(masks, size, size, (rows, columns))
    torch.testing.assert_close(weights[1:].sum(dim=1), torch.ones(2))
    assert fell_back >= 1
    y, x = np.argwhere(masks[1])[0]
    assert weights[1].argmax() == (y // 8) * columns + x // 8 and weights[1].max() == 1
    torch.testing.assert_close(weights[2], torch.full((rows * columns,), 1 / (rows * columns)))


def test_cells_of_the_padding_do_not_count() -> None:
    weights, _ = grid_weights(np.ones((1, 10, 10), bool), (16, 16), (32, 32), (4, 4))
    assert weights.view(4, 4)[:2, :2].sum() == pytest.approx(1)


def test_a_transformer_sees_the_masks_of_a_scene() -> None:
    encoder = PatchEncoder(Clip.load(bundled_folder("mini-clip-proposal"), "cpu", "float32"))
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    masks = np.zeros((2, 50, 70), bool)
    masks[0, :, :35], masks[1] = True, True
    regions = encoder.regions(image, masks, PictureSize(96))
    assert regions.features.shape == (2, encoder.texts(["dog"]).shape[1])
    assert torch.isfinite(regions.features).all() and regions.fell_back == 0


def test_a_convolutional_clip_pools_before_its_head() -> None:
    vision = ConvNextConfig((8, 16, 24, 32), (1, 1, 2, 1), embed_dim=16, hidden=32)
    text = TextConfig(24, layers=2, heads=2, context=20, vocabulary=99, embed_dim=16)
    torch.manual_seed(0)
    network = ConvClipNetwork(ConvClipConfig(vision, text))
    clip = ConvClip(network, lambda texts: torch.ones(len(texts), 20).long())
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    found = ConvEncoder(clip).regions(image, np.ones((1, 64, 96), bool), PictureSize(96))
    whole = clip.image_features(clip.preprocessing.normalize(image))
    torch.testing.assert_close(found.features, whole, rtol=1e-4, atol=1e-5)


def test_bundled_encoders_are_known_by_their_names() -> None:
    assert isinstance(load_encoder("mini-convnext-clip", "cpu"), ConvEncoder)
    assert isinstance(load_encoder("mini-clip-proposal", "cpu"), PatchEncoder)
