"""A tiny ConvNeXt learns beside the bundled text tower, and is read back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.models.clip import BpeTokenizer, Clip
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.engine.session import Budget, begin, train
from lexiseg.training.mini.clip.validation import Validation
from lexiseg.training.mini.convnext.close_ups import CloseUpConfig, open_close_ups
from lexiseg.training.mini.convnext.learner import ConvNextLearner, ConvNextTraining, read_convnext
from lexiseg.training.mini.convnext.recipe import NameChoice, export
from lexiseg.training.mini.pool import Pool, PoolConfig, open_pool
from tests.training.mini.convnext.conftest import TEACHER, TINY, tiny_clip

TRAINING = ConvNextTraining(
    batch=4, vision=TINY, first_size=32, first_batch=5, early_size=32, warmup=1, checkpoint_every=2
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return open_pool(tmp_path_factory.mktemp("pool"), PoolConfig(scenes=10, size=64), workers=1)


@pytest.fixture(scope="module")
def close_ups(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    config = CloseUpConfig(scenes=4, size=40)
    return open_close_ups(tmp_path_factory.mktemp("close-ups"), config, workers=1)


@pytest.fixture(scope="module")
def teacher() -> Clip:
    return Clip.load(TEACHER, "cpu", torch.float32)


def make_learner(pool: Pool, close_ups: Pool, teacher: Clip) -> ConvNextLearner:
    return ConvNextLearner(TRAINING, pool, close_ups, BpeTokenizer(TEACHER), teacher.network)


def test_only_the_image_tower_changes(pool, close_ups, teacher) -> None:
    learner = make_learner(pool, close_ups, teacher)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    losses = learner.advance(0.5)
    assert {"choice", "value", "caption"} <= set(losses)
    after = learner.network.state_dict()
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    assert changed and all(name.startswith("visual.") for name in changed)
    torch.testing.assert_close(learner.network.logit_scale, teacher.network.logit_scale)


def test_first_words_are_close_ups_of_things_and_captions_come_later(
    pool, close_ups, teacher
) -> None:
    learner = make_learner(pool, close_ups, teacher)
    generator = torch.Generator().manual_seed(0)
    pixels, labels, said = learner._close_ups(generator)
    assert pixels.shape == (5, 3, 32, 32) and all(text.startswith("a photo of") for text in said)
    assert (labels.present.sum(dim=1) == 1).all()
    assert not labels.judged[:, pool.thing_count :].any()
    assert "caption" not in learner.advance(0.1)
    assert "caption" in learner.advance(0.5) and learner.current_size == 32
    learner.advance(0.9)
    assert learner.current_size == 64


def test_readings_are_the_image_and_its_cells(pool, close_ups, teacher) -> None:
    learner = make_learner(pool, close_ups, teacher)
    pixels = torch.randn(2, 3, 64, 96)
    seen = read_convnext(learner.tower, pixels)
    assert seen.value.shape == (2, 6, 192)
    torch.testing.assert_close(seen.cls, learner.tower(pixels))
    torch.testing.assert_close(seen.mean, seen.value.mean(dim=1))


def test_what_is_written_is_read_back(pool, close_ups, teacher, tmp_path) -> None:
    learner = make_learner(pool, close_ups, teacher)
    learner.validation = NameChoice(Validation(count=4))
    begin(learner, tmp_path, resume=False)
    train(learner, Budget(steps=2), tmp_path, quiet=True)
    assert "val_top1" in (tmp_path / "curve.jsonl").read_text()
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
