"""The bundled weights answer without a download."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import lexiseg
from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.methods.mask_proposals import FcClip
from lexiseg.methods.mask_proposals.class_texts import read_names
from lexiseg.types import Vocabulary


@pytest.fixture(scope="module")
def mini() -> FcClip:
    return lexiseg.load("fc-clip", preset="mini", device="cpu", dtype="float32")


def test_stuff_of_a_scene_is_found_and_absent_stuff_is_not(mini) -> None:
    dataset = MiniworldSegments(Miniworld("val", 224, seed=71), 12)
    stuff, kept, refused = sorted(dataset.classes.stuff), [], []
    for sample in dataset:
        present = {dataset.classes.names[item.class_index] for item in sample.segments}
        presence = mini.segment(sample.image, stuff).presence
        kept += [presence[name].kept for name in stuff if name in present]
        refused += [not presence[name].kept for name in stuff if name not in present]
    assert sum(kept) / len(kept) > 0.5 and sum(refused) / len(refused) > 0.8


def test_a_bias_of_no_object_is_a_shift_of_its_logit(mini) -> None:
    sample = MiniworldSegments(Miniworld("val", 224, seed=72), 1)[0]
    scene, names = mini.encode(sample.image), Vocabulary.parse(["dog", "grass", "sky"])
    texts = read_names(names, mini.model, mini.config.templates)
    plain = mini.configured(void_bias=0.0).log_probabilities(scene.proposals, texts).exp()
    moved = mini.configured(void_bias=-1.5).log_probabilities(scene.proposals, texts).exp()
    odds = plain[:, -1] / (1 - plain[:, -1]), moved[:, -1] / (1 - moved[:, -1])
    torch.testing.assert_close(odds[1].log(), odds[0].log() - 1.5, atol=1e-3, rtol=1e-3)
    shares = (p[:, :-1] / p[:, :-1].sum(dim=1, keepdim=True) for p in (plain, moved))
    torch.testing.assert_close(next(shares), next(shares), atol=1e-5, rtol=1e-3)


def test_other_decoders_take_the_bundled_clip(mini, tmp_path: Path) -> None:
    from lexiseg.models.bundled import bundled_folder
    from lexiseg.models.fc_clip import save_proposal_model

    network = mini.model.network
    save_proposal_model(network, tmp_path, backbone=network.clip)
    again = lexiseg.load("fc-clip", preset="mini", weights=tmp_path, device="cpu", dtype="float32")
    sample = MiniworldSegments(Miniworld("val", 96, seed=73), 1)[0]
    first, second = (m.encode(sample.image).proposals.masks for m in (mini, again))
    torch.testing.assert_close(first, second)
    assert bundled_folder("mini-fc-clip").is_dir()


def test_small_maft_plus_answers_as_its_weights_were_trained() -> None:
    mini = lexiseg.load("maft-plus", preset="mini", device="cpu", dtype="float32")
    assert mini.config.mixed_cells is False and mini.recipe().settings["mixed_cells"] is False
    assert mini.configured(mixed_cells=True).config.mixed_cells
    asked = lexiseg.load("maft-plus", preset="mini", variant="released", device="cpu")
    assert asked.config.mixed_cells is True
    sample = MiniworldSegments(Miniworld("val", 224, seed=74), 1)[0]
    assert mini.segment(sample.image, ["sky", "grass", "land"]).panoptic is not None


def test_small_maft_plus_began_with_the_small_fc_clips_clip(mini) -> None:
    """What its file lacks is the very same; what it has has moved, but not far."""
    other = lexiseg.load("maft-plus", preset="mini", device="cpu", dtype="float32").model.network
    began, now = mini.model.network.clip.state_dict(), other.clip.state_dict()
    moved = {name for name in began if not torch.equal(began[name], now[name])}
    assert moved and not any(".mlp." in name or "transformer" in name for name in moved)
    assert all(name.startswith("visual.trunk.") for name in moved)
