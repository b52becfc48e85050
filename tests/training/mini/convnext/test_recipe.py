"""A tiny ConvNeXt learns beside the bundled text tower, and is read back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.models.clip import BpeTokenizer, Clip
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.engine.session import Budget, begin, train
from lexiseg.training.mini.convnext.close_ups import CloseUpConfig, open_close_ups
from lexiseg.training.mini.convnext.learner import ConvNextLearner, ConvNextTraining, pool_regions
from lexiseg.training.mini.convnext.recipe import RegionNames, export
from lexiseg.training.mini.fc_clip.pictures import Pictures, SegmentTruth
from lexiseg.training.mini.pool import Pool
from tests.training.mini.convnext.conftest import TEACHER, TINY, tiny_clip

TRAINING = ConvNextTraining(
    batch=3, vision=TINY, first_size=32, first_batch=5, warmup=1, checkpoint_every=2
)
CLOSE_UPS, SCENES = 0.1, 0.5  # shares of the budget


@pytest.fixture(scope="module")
def close_ups(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    config = CloseUpConfig(scenes=4, size=40)
    return open_close_ups(tmp_path_factory.mktemp("close-ups"), config, workers=1)


@pytest.fixture(scope="module")
def teacher() -> Clip:
    return Clip.load(TEACHER, "cpu", torch.float32)


def make_learner(close_ups: Pool, teacher: Clip) -> ConvNextLearner:
    return ConvNextLearner(TRAINING, close_ups, BpeTokenizer(TEACHER), teacher.network)


def test_only_the_image_tower_changes(close_ups, teacher) -> None:
    learner = make_learner(close_ups, teacher)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    learner.advance(SCENES)
    after = learner.network.state_dict()
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    assert changed and all(name.startswith("visual.") for name in changed)
    torch.testing.assert_close(learner.network.logit_scale, teacher.network.logit_scale)


def test_close_ups_come_first_then_scenes(close_ups, teacher) -> None:
    learner = make_learner(close_ups, teacher)
    assert set(learner.advance(CLOSE_UPS)) == {"close-ups"}
    assert set(learner.advance(SCENES)) == {"regions", "whole"}


def test_the_same_close_ups_seen_again_are_named_better(close_ups, teacher) -> None:
    learner = make_learner(close_ups, teacher)
    learner.generator = lambda: torch.Generator().manual_seed(0)
    first, *_, last = [learner.advance(CLOSE_UPS)["close-ups"] for _ in range(12)]
    assert last < first


def test_regions_are_means_by_the_area_that_they_cover() -> None:
    """The slow twin adds up pixels; a segment of one pixel has the features of its cell."""
    generator = torch.Generator().manual_seed(1)
    dense = torch.randn(2, 5, 3, 4, generator=generator)
    first = torch.rand(3, 12, 16, generator=generator) > 0.6
    second = torch.zeros(1, 12, 16, dtype=torch.bool)
    second[0, 5, 9] = True
    truths = [SegmentTruth(torch.zeros(len(m)), m.float()) for m in (first, second)]
    found = pool_regions(dense, truths)
    pixels = dense.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    for features, masks, means in zip(pixels, (first, second), found, strict=True):
        slow = torch.stack([features[:, mask].mean(dim=1) for mask in masks])
        torch.testing.assert_close(means, slow)
    torch.testing.assert_close(found[1][0], dense[1, :, 1, 2])


def test_what_is_written_is_read_back(close_ups, teacher, tmp_path) -> None:
    learner = make_learner(close_ups, teacher)
    learner.validation = RegionNames(Pictures(32, 7, "val"), count=2)
    begin(learner, tmp_path, resume=False)
    train(learner, Budget(steps=2), tmp_path, quiet=True)
    assert "val_regions" in (tmp_path / "curve.jsonl").read_text()
    export(learner, tmp_path / "weights")
    clip = ConvClip.load(tmp_path / "weights", "cpu", "float32")
    assert clip.preprocessing.size == 64
    texts = ["a dog", "grass"]
    cosines = F.cosine_similarity(clip.text_features(texts), teacher.text_features(texts))
    assert (cosines > 0.999).all()
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pixels = clip.preprocessing.normalize(image)
    ours, theirs = clip.image_features(pixels), learner.network.visual(pixels).detach()
    assert F.cosine_similarity(ours, theirs).item() > 0.999


def test_untrained_weights_have_the_same_form(tmp_path) -> None:
    assert ConvClip.load(tiny_clip(tmp_path), "cpu", "float32").visual.channels == TINY.widths
