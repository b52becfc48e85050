"""Checkpoints in every layout that users come with."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.clip import BpeTokenizer
from lexiseg.models.conv_clip import ConvClip, ConvClipNetwork, ResNetConfig
from tests.models.clip.conftest import tokenizer_folder  # noqa: F401

PIXELS = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(tmp_path, tokenizer_folder):  # noqa: F811
    for file in tokenizer_folder.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def check(clip: ConvClip, network: ConvClipNetwork) -> None:
    torch.testing.assert_close(clip.image_features(PIXELS), network.visual(PIXELS))
    texts = ["cat", "a dog"]
    expected = network.text(clip.tokenizer(texts))
    torch.testing.assert_close(clip.text_features(texts), expected)
    assert clip.text_features([]).shape == (0, 20)
    assert len(clip.fingerprint) == 64 and clip.device.type == "cpu"


@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_open_clip_folder(folder, network, file) -> None:
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    if file.endswith("safetensors"):
        save_file(state, folder / file)
    else:
        torch.save({"state_dict": state}, folder / file)
    stated = {"model_cfg": {"text_cfg": {"heads": 1}, "vision_cfg": {"image_size": 96}}}
    (folder / "open_clip_config.json").write_text(json.dumps(stated))
    clip = ConvClip.load(folder, "cpu", "float32")
    check(clip, network)
    has_table = isinstance(network.config.vision, ResNetConfig)
    assert clip.preprocessing.size == (64 if has_table else 96)


def test_plain_file_beside_its_tokenizer(folder, network) -> None:
    bare = {k: t.half() for k, t in network.state_dict().items() if "num_batches" not in k}
    save_file({k: t.contiguous() for k, t in bare.items()}, folder / "clip.safetensors")
    clip = ConvClip.load(folder / "clip.safetensors", "cpu", "float32")
    rounded = network.half().float()
    check(clip, rounded)


def test_lower_precision_of_the_network_leaves_features_float32(folder, network) -> None:
    save_file({k: t.clone() for k, t in network.state_dict().items()}, folder / "model.safetensors")
    clip = ConvClip.load(folder, "cpu", "bfloat16")
    assert clip.dtype == torch.bfloat16
    assert clip.image_features(PIXELS).dtype == torch.float32


def test_text_heads_come_from_the_file_beside_the_weights(folder, network) -> None:
    save_file({k: t.clone() for k, t in network.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"text": {"heads": 4}}))
    clip = ConvClip.load(folder, "cpu", "float32")
    assert clip.network.config.text.heads == 4


@pytest.mark.parametrize(
    ("heads", "message"), [(5, "does not divide the width 64"), ("x", "whole number from 1")]
)
def test_heads_that_make_no_sense_are_refused(folder, network, heads, message) -> None:
    save_file({k: t.clone() for k, t in network.state_dict().items()}, folder / "model.safetensors")
    content = {"model_cfg": {"text_cfg": {"heads": heads}}}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        ConvClip.load(folder, "cpu", "float32")


def test_missing_keys_and_tokenizers_are_named(folder, network) -> None:
    state = {k: t.clone() for k, t in network.state_dict().items()}
    del state["ln_final.bias"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 missing \(ln_final.bias\)"):
        ConvClip.load(folder, "cpu", "float32")
    state["ln_final.bias"] = torch.zeros(64)
    save_file(state, folder / "model.safetensors")
    (folder / "merges.txt").unlink()
    with pytest.raises(WeightsNotFoundError, match="no tokenizer"):
        ConvClip.load(folder, "cpu", "float32")


def test_the_tokenizer_can_be_exchanged(network) -> None:
    clip = ConvClip(network, lambda texts: torch.ones(len(texts), 24).long())
    assert clip.text_features(["a", "b"]).shape == (2, 20)
    assert not isinstance(clip.tokenizer, BpeTokenizer)
