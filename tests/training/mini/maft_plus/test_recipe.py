"""MAFT+ learns on a tiny CLIP, and what is written holds what differs and answers questions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lexiseg.methods.mask_proposals import MaftPlus
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.engine.session import Budget
from lexiseg.training.mini.fc_clip.learner import FcClipTraining
from lexiseg.training.mini.fc_clip.recipe import FcClipRecipe
from lexiseg.training.mini.fc_clip.start import small_head
from lexiseg.training.mini.maft_plus.learner import MaftPlusLearner, MaftPlusTraining, is_tuned
from lexiseg.training.mini.maft_plus.recipe import MaftPlusRecipe
from tests.training.mini.convnext.conftest import tiny_clip

SMALL = {"batch": 2, "size": 64, "points": 64, "warmup": 1, "checkpoint_every": 2}
TRAINING = MaftPlusTraining(**SMALL)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def decoders(clip_folder, tmp_path_factory):
    folder, training = tmp_path_factory.mktemp("decoders"), FcClipTraining(**SMALL)
    FcClipRecipe(folder, Budget(steps=1), clip_folder, training, device="cpu").run()
    return folder / "fcclip" / "weights"


@pytest.fixture(scope="module")
def weights(clip_folder, decoders, tmp_path_factory):
    """Of a run that was interrupted."""
    folder = tmp_path_factory.mktemp("run")
    for steps, resume in ((2, False), (3, True)):
        recipe = MaftPlusRecipe(
            folder, Budget(steps=steps), clip_folder, decoders, TRAINING, resume, "cpu"
        )
        recipe.run()
    return folder / "maftplus" / "weights"


def make_learner(clip_folder) -> MaftPlusLearner:
    clip = ConvClip.load(clip_folder, "cpu", torch.float32)
    return MaftPlusLearner(TRAINING, clip, small_head(clip.visual.channels, clip.visual.embed_dim))


def test_the_text_tower_the_visual_head_and_the_mlps_stay(clip_folder) -> None:
    learner = make_learner(clip_folder)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    losses = [learner.advance(0.0) for _ in range(2)][-1]  # first the transfer's layer leaves zero
    assert set(losses) == {"names", "pixels", "overlap", "scores", "keeping"}
    assert all(map(np.isfinite, losses.values()))
    after = learner.network.state_dict()
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    seeing = {name for name in changed if name.startswith("clip.")}
    assert seeing and all(name.startswith("clip.visual.trunk.") for name in seeing)
    assert all(is_tuned(name.removeprefix("clip.visual.trunk.")) for name in seeing)
    assert {"void_embedding.weight", "transfer.MLP.weight", "transfer.norm.weight"} < changed


def test_clip_learns_from_scores_alone(clip_folder) -> None:
    """Losses of the segments, in float32 and without the two others, leave no gradient on it."""
    learner = make_learner(clip_folder)
    pixels, truths = learner.pictures.draw(0, 2, torch.Generator().manual_seed(0))
    losses = learner.losses(pixels, truths, torch.Generator().manual_seed(0))
    cut = torch.stack([losses[name] for name in ("names", "pixels", "overlap")]).sum()
    torch.autograd.backward(cut, retain_graph=True)
    trunk = learner.learning["trunk"]
    assert all(parameter.grad is None for parameter in trunk.parameters())
    torch.autograd.backward(losses["scores"])
    assert any(parameter.grad is not None for parameter in trunk.parameters())


def test_a_new_transfer_moves_no_name(clip_folder) -> None:
    learner = make_learner(clip_folder)
    assert learner.network.transfer is not None
    cells = torch.randn(1, learner.network.head.embed_dim, 2, 2)
    torch.testing.assert_close(learner.network.transfer(learner.rows, cells)[0], learner.rows)


def test_clip_steps_at_a_share_of_the_rate(clip_folder) -> None:
    learner = make_learner(clip_folder)
    learner.optimizer.step(1e-3)
    rates = {group["lr"] for part in learner.optimizer.parts for group in part.param_groups}
    assert rates == {1e-3, TRAINING.clip_share * 1e-3}


def test_what_is_written_lacks_what_is_as_in_clip_and_answers(clip_folder, weights) -> None:
    keys = set(load_file(weights / "model.safetensors"))
    seeing = {key for key in keys if key.startswith("backbone.")}
    assert seeing and not any(".mlp." in key or "transformer" in key for key in seeing)
    assert "cdt.cross_atten.MLP.weight" in keys
    config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    assert config["backbone"] == {"changed": len(seeing)}
    method = MaftPlus.load(
        weights=weights, backbone=clip_folder, device="cpu", dtype="float32",
        variant="paper", short_side=64,
    )  # fmt: skip
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert list(method.segment(image, ["dog", "grass"]).presence) == ["dog", "grass"]
