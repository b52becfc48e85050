"""Checkpoints in every layout that users come with, and the published lists of keys."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import ConvClipConfig, ConvNextConfig
from lexiseg.models.fc_clip import (
    ContentTransfer,
    HeadConfig,
    InputSize,
    ProposalNetwork,
    load_proposal_model,
    published_state,
    save_proposal_model,
)
from lexiseg.models.weights import empty_weights, fingerprint
from tests.models.published_fc_clip import make_proposer

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
SIZE = InputSize(64, 96)


def state_of(network: ProposalNetwork) -> dict[str, torch.Tensor]:
    return {key: tensor.clone().contiguous() for key, tensor in published_state(network).items()}


def load(source, **options):
    return load_proposal_model(source, "cpu", "float32", **options)


def same(model, other) -> None:
    """Both find the same candidates and encode texts alike."""
    cells = model.network.transfer is not None
    one, two = (m.propose(IMAGE, SIZE, cells=cells) for m in (model, other))
    for name in ("masks", "in_vocabulary", "out_vocabulary", "cells"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name))
    torch.testing.assert_close(model.text_features(["cat"]), other.text_features(["cat"]))
    torch.testing.assert_close(model.void, other.void)


def test_own_folder_comes_back(folder, network) -> None:
    save_proposal_model(network, folder)
    model = load(folder)
    assert model.name == str(folder) and len(model.fingerprint) == 64
    if network.transfer is not None:
        assert model.network.transfer.form == network.transfer.form
        assert model.network.transfer.multihead_attn.heads == 4
    for (name, ours), theirs in zip(
        model.network.state_dict().items(), network.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, msg=name)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_dictionary_of_a_training_program(folder, prefix) -> None:
    network = make_proposer()
    state = {prefix + key: tensor for key, tensor in state_of(network).items()}
    state[f"{prefix}criterion.empty_weight"] = torch.ones(5)
    file = folder / "fcclip_cocopan.pth"
    training = {"optimizer": {"state": {0: {"step": 3}}}, "scheduler": {}, "iteration": 368_750}
    torch.save({"model": state, **training}, file)
    with pytest.warns(UserWarning, match="left out: iteration, optimizer, scheduler"):
        model = load(file)
    save_file(state_of(network), folder / "same.safetensors")
    same(model, load(folder / "same.safetensors"))


def test_weights_alone_are_read_in_silence(folder) -> None:
    torch.save({"model": state_of(make_proposer())}, folder / "fc.pth")
    load(folder / "fc.pth")  # warnings are errors here


def test_teacher_of_maft_is_ignored(folder) -> None:
    state = state_of(make_proposer())
    teacher = {
        k.replace("backbone.", "backbone_t."): t.clone()
        for k, t in state.items()
        if "backbone" in k
    }
    save_file({**state, **teacher}, folder / "maft.safetensors")
    assert load(folder / "maft.safetensors").network.transfer is None


def test_head_without_clip_takes_the_backbone_that_is_named(folder, tmp_path_factory) -> None:
    network = make_proposer()
    state = state_of(network)
    clip = {
        k.removeprefix("backbone.clip_model."): t for k, t in state.items() if "clip_model" in k
    }
    backbone = tmp_path_factory.mktemp("backbone") / "open_clip_model.safetensors"
    save_file(clip, backbone)
    save_file(
        {k: t for k, t in state.items() if "clip_model" not in k}, folder / "head.safetensors"
    )
    with pytest.raises(WeightsNotFoundError, match="head without CLIP"):
        load(folder / "head.safetensors")
    model = load(folder / "head.safetensors", backbone=backbone)
    save_file(state, folder / "whole.safetensors")
    same(model, load(folder / "whole.safetensors"))
    alone = [fingerprint(backbone), fingerprint(folder / "head.safetensors")]
    assert len(model.fingerprint) == 64 and model.fingerprint not in alone


@pytest.fixture
def halves(folder, tmp_path_factory):
    """A MAFT+ whose CLIP differs from a backbone by one tensor, and what is stored of either."""
    network, place = make_proposer(transfer="panoptic"), tmp_path_factory.mktemp("backbone")
    backbone = make_proposer().clip
    backbone.load_state_dict(network.clip.state_dict())
    save_file({k: t.clone() for k, t in backbone.state_dict().items()}, place / "clip.safetensors")
    network.clip.visual.trunk.stem[0].bias.add_(0.5)
    save_proposal_model(network, folder, backbone=backbone)
    return network, place / "clip.safetensors"


def test_only_what_differs_from_the_backbone_is_stored_and_joined_with_it(folder, halves) -> None:
    network, backbone = halves
    stored = [key for key in load_file(folder / "model.safetensors") if "clip_model" in key]
    assert stored == ["backbone.clip_model.visual.trunk.stem.0.bias"]
    model = load(folder, backbone=backbone)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(model.network.state_dict()[name], tensor, msg=name)
    assert model.fingerprint != fingerprint(folder)
    with pytest.raises(WeightsNotFoundError, match="backbone="):
        load(folder)


def test_part_of_a_clip_is_joined_only_where_it_is_stated(folder, halves) -> None:
    """A file that lost some of CLIP's tensors must not be filled up in silence."""
    _, backbone = halves
    config = json.loads((folder / "config.json").read_text())
    config["backbone"]["changed"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="has 1 tensors of CLIP, where its .* speaks of 2"):
        load(folder, backbone=backbone)
    del config["backbone"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        load(folder, backbone=backbone)


def test_missing_and_foreign_tensors_are_named(folder) -> None:
    state = state_of(make_proposer())
    file = folder / "fc.safetensors"
    del state["sem_seg_head.predictor.decoder_norm.bias"]
    save_file(state, file)
    with pytest.raises(CheckpointError, match=r"1 missing \(decoder_norm.bias\)"):
        load(file)
    save_file({**state, "other.weight": torch.ones(1)}, file)
    with pytest.raises(CheckpointError, match=r"1 unexpected tensors \(other.weight\)"):
        load(file)
    save_file({"a.b": torch.ones(1)}, file)
    with pytest.raises(CheckpointError, match="holds no FC-CLIP or MAFT"):
        load(file)


def test_without_a_tokenizer_the_message_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("lexiseg.models.fc_clip.loading.USUAL_TOKENIZERS", ("owner/absent",))
    save_file(state_of(make_proposer()), tmp_path / "fc.safetensors")
    with pytest.raises(WeightsNotFoundError, match="no tokenizer for .*vocab.json"):
        load(tmp_path / "fc.safetensors")


TEXT = TextConfig(768, 16, 12, embed_dim=768, activation="gelu")


@pytest.mark.parametrize(
    ("file", "queries", "maft"),
    [
        ("fcclip_convnext_large_state_dict_shapes.json", 250, False),
        ("maftplus_large_panoptic_non_backbone_shapes.json", 100, True),
    ],
)
def test_published_lists_of_keys_and_shapes(shared, file, queries, maft) -> None:
    place = shared / "reference" / "oracle" / file
    if not place.is_file():
        pytest.skip("needs the oracle reference pack")
    expected = json.loads(place.read_text())
    expected.pop("criterion.empty_weight")
    with empty_weights():
        transfer = ContentTransfer(768) if maft else None
        clip = ConvClipConfig(ConvNextConfig(), TEXT)
        network = ProposalNetwork(clip, HeadConfig(queries=queries), transfer)
    ours = {key: list(tensor.shape) for key, tensor in published_state(network).items()}
    backbone = [key for key in ours if key.startswith("backbone.")]
    assert len(backbone) == 543
    if maft:
        assert len(ours) + 1 + 543 == 1397  # the list leaves out backbone and teacher
        ours = {key: shape for key, shape in ours.items() if key not in backbone}
    else:
        assert len(ours) + 1 == 846
    assert ours == expected
