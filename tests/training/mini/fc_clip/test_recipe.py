"""The decoders learn on a tiny CLIP, and what is written answers questions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lexiseg.methods.mask_proposals import FcClip
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.engine.session import Budget, train
from lexiseg.training.mini.fc_clip.learner import FcClipLearner, FcClipTraining
from lexiseg.training.mini.fc_clip.pictures import Pictures
from lexiseg.training.mini.fc_clip.recipe import FcClipRecipe
from lexiseg.training.mini.fc_clip.start import small_head
from tests.training.mini.convnext.conftest import tiny_clip

TRAINING = FcClipTraining(batch=2, size=64, points=64, warmup=1, checkpoint_every=2)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


def make_learner(clip_folder) -> FcClipLearner:
    clip = ConvClip.load(clip_folder, "cpu", torch.float32)
    head = small_head(clip.visual.channels, clip.visual.embed_dim)
    return FcClipLearner(TRAINING, clip, head)


def test_only_the_decoders_change(clip_folder) -> None:
    learner = make_learner(clip_folder)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    losses = learner.advance(0.5)
    assert set(losses) == {"names", "pixels", "overlap"} and all(map(np.isfinite, losses.values()))
    after = learner.network.state_dict()
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    assert changed and not any(name.startswith("clip.") for name in changed)
    assert "void_embedding.weight" in changed


def test_the_same_pictures_seen_again_are_cut_better(clip_folder) -> None:
    learner = make_learner(clip_folder)
    learner.pictures = Pictures(64, scenes=2)
    first = sum(learner.advance(0.0).values())
    for _ in range(9):
        last = sum(learner.advance(0.0).values())
    assert last < first


def test_a_run_is_written_resumed_and_answers(clip_folder, tmp_path) -> None:
    FcClipRecipe(tmp_path, Budget(steps=2), clip_folder, TRAINING, device="cpu").run()
    FcClipRecipe(tmp_path, Budget(steps=3), clip_folder, TRAINING, resume=True, device="cpu").run()
    weights = tmp_path / "fcclip" / "weights"
    assert (weights / "training.json").is_file()
    method = FcClip.load(
        weights=weights, backbone=clip_folder, device="cpu", dtype="float32",
        short_side=64, trained_on="miniworld",
    )  # fmt: skip
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert list(method.segment(image, ["dog", "grass"]).presence) == ["dog", "grass"]


def test_a_resumed_run_goes_on_as_if_never_stopped(clip_folder, tmp_path) -> None:
    whole = make_learner(clip_folder)
    train(whole, Budget(steps=2), tmp_path, quiet=True)
    half = make_learner(clip_folder)
    half.advance(0.0)
    half.save(tmp_path / "half.pt")
    again = make_learner(clip_folder)
    again.resume(tmp_path / "half.pt")
    again.advance(0.5)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[name], tensor, msg=name)


def test_decoders_can_begin_with_trained_ones_and_learn_another_policy(
    clip_folder, tmp_path
) -> None:
    FcClipRecipe(tmp_path / "a", Budget(steps=1), clip_folder, TRAINING, device="cpu").run()
    weights = tmp_path / "a" / "fcclip" / "weights"
    other = replace(TRAINING, policy="B", scenes=4, rate=0.0)
    recipe = FcClipRecipe(
        tmp_path / "b", Budget(steps=1), clip_folder, other, weights, device="cpu"
    )
    recipe.run()
    again = tmp_path / "b" / "fcclip" / "weights"
    first, second = (load_file(folder / "model.safetensors") for folder in (weights, again))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, msg=name)
    record = json.loads((again / "training.json").read_text(encoding="utf-8"))
    assert record["policy"] == "B" and record["names"] == 195
