"""Towers in two files, of which one belongs to another CLIP."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import Clip
from lexiseg.models.conv_clip import ConvClip, fingerprint_towers, read_towers
from lexiseg.models.conv_clip.saving import save_conv_clip
from lexiseg.models.weights import fingerprint
from lexiseg.training.mini.convnext.learner import begin_network
from tests.training.mini.convnext.conftest import TEACHER, TINY, tiny_clip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("whole"))


def test_a_shared_text_tower_is_not_stored_again_and_comes_back(whole, tmp_path) -> None:
    network = ConvClip.load(whole, "cpu", "float32").network
    save_conv_clip(network, tmp_path, text="mini-clip-proposal")
    stored = load_file(tmp_path / "model.safetensors")
    assert all(key.startswith("visual.") or key == "logit_scale" for key in stored)
    one, two = read_towers(whole), read_towers(tmp_path)
    assert one.keys() == two.keys()
    for key, tensor in one.items():
        torch.testing.assert_close(two[key].float(), tensor.float(), msg=key)


def test_the_fingerprint_is_of_both_files(whole, tmp_path) -> None:
    save_conv_clip(ConvClip.load(whole, "cpu", "float32").network, tmp_path, text=str(TEACHER))
    assert fingerprint_towers(whole) == fingerprint(whole)
    both = fingerprint_towers(tmp_path)
    assert both not in (fingerprint(tmp_path), fingerprint(TEACHER)) and len(both) == 64


def test_the_bundled_convnext_reads_texts_as_its_teacher_does() -> None:
    ours = ConvClip.load("mini-convnext-clip", "cpu", "float32")
    theirs = Clip.load(bundled_folder("mini-clip-proposal"), "cpu", "float32")
    texts = ["a dog", "grass"]
    torch.testing.assert_close(ours.text_features(texts), theirs.text_features(texts))


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (7, CheckpointError, r"config.json: text.weights is 7; expected the name"),
        ("no-such-clip/here", WeightsNotFoundError, "no-such-clip"),
    ],
)
def test_a_text_tower_that_is_nowhere_is_told(source, error, message, tmp_path) -> None:
    teacher = Clip.load(TEACHER, "cpu", torch.float32).network
    save_conv_clip(begin_network(TINY, teacher), tmp_path, text=str(TEACHER))
    config = json.loads((tmp_path / "config.json").read_text())
    config["text"]["weights"] = source
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(error, match=message):
        read_towers(tmp_path)
