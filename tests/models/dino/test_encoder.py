from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.dino import Dino, DinoConfig, DinoNetwork
from lexiseg.models.dino.layout import to_official
from lexiseg.types import SelfSupervisedEncoder

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 44, 3), dtype=np.uint8)
S8 = DinoConfig(128, 2, 2, 8, 4, 96)


def test_folder_of_transformers_in_saved_layout(reference, tmp_path) -> None:
    reference.save_pretrained(tmp_path)
    dino = Dino.load(tmp_path, "cpu", "float32")
    assert dino.patch_size == 8 and len(dino.fingerprint) == 64 and dino.name == str(tmp_path)
    pixels = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = reference(pixels).last_hidden_state
        torch.testing.assert_close(dino.network(pixels), expected, atol=2e-5, rtol=1e-4)
    features = dino.describe_patches(PICTURE, 4)
    assert features.shape == (7, 10, 24) and features.dtype == torch.float32


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_file_in_the_official_layout(tmp_path, suffix: str) -> None:
    network = DinoNetwork(S8)
    file, state = tmp_path / f"dino{suffix}", network.state_dict()
    if suffix == ".pth":
        torch.save(state, file)
    elif suffix == ".npz":
        np.savez(file, **{key: tensor.numpy() for key, tensor in state.items()})
    else:
        save_file(state, file)
    dino = Dino.load(file, "cpu", "float32")
    assert dino.network.config == S8
    expected = Dino(network).describe_patches(PICTURE, 2)
    assert torch.equal(dino.describe_patches(PICTURE, 2), expected)


def test_official_names_of_the_published_file() -> None:
    block = [
        f"blocks.0.{name}.{kind}"
        for name in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
        for kind in ("weight", "bias")
    ]
    ends = ("proj.weight", "proj.bias")
    keys = ["cls_token", "pos_embed", *(f"patch_embed.{end}" for end in ends), *block]
    keys += ["norm.weight", "norm.bias"]
    network = DinoNetwork(DinoConfig(layers=1))
    assert set(network.state_dict()) == set(keys)
    assert network.pos_embed.shape == (1, 785, 384)  # 28 x 28 patches and CLS


def test_other_statistics_and_classifier_weights_beside(reference_of, tmp_path) -> None:
    reference_of("v1 with pooler").save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3}))
    assert Dino.load(tmp_path, "cpu", "float32").statistics.mean == (0.5, 0.5, 0.5)


def test_prefixes_of_larger_models_are_cut() -> None:
    state = DinoNetwork(S8).state_dict()
    assert set(to_official({f"backbone.{key}": t for key, t in state.items()})) == set(state)


def test_it_can_be_exchanged() -> None:
    assert isinstance(Dino(DinoNetwork(S8)), SelfSupervisedEncoder)


def test_bfloat16_is_near_and_answers_float32() -> None:
    network = DinoNetwork(S8)
    expected = Dino(network).describe_patches(PICTURE)
    half = Dino.from_state_dict(network.state_dict(), "cpu", "bfloat16").describe_patches(PICTURE)
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(half, expected, dim=-1).min() > 0.99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm.weight": None}, "missing"),
        ({"extra.weight": torch.zeros(1)}, "unexpected"),
        ({"patch_embed.proj.weight": None}, "not those of a DINO"),
        ({"pos_embed": torch.zeros(1, 16, 128)}, "square"),
    ],
)
def test_weights_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    state = {**DinoNetwork(S8).state_dict(), **change}
    with pytest.raises(CheckpointError, match=message):
        Dino.from_state_dict({key: t for key, t in state.items() if t is not None}, "cpu")


def test_other_models_and_absent_weights(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="'clip'"):
        Dino.from_state_dict(DinoNetwork(S8).state_dict(), settings={"model_type": "clip"})
    with pytest.raises(CheckpointError, match="equal heads"):
        DinoConfig(heads=5)
    with pytest.raises(WeightsNotFoundError, match="lexiseg models pull dino-vits8"):
        Dino.load("dino-vits8")
