"""CLIPs as open_clip keeps them in a folder, against transformers' own network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

from lexiseg.errors import CheckpointError
from lexiseg.models.clip import (
    BpeTokenizer,
    Clip,
    ClipNetwork,
    Preprocessing,
    TextConfig,
    VisionConfig,
)
from tests.models.clip.conftest import tokenizer_folder  # noqa: F401

WEIGHTS = "open_clip_model.safetensors"
COLORS = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3]}
# Heads of 32, which shapes do not tell, and gelu, which open_clip takes unless it says otherwise.
VISION = VisionConfig(64, 2, 2, 8, 32, 20, activation="gelu")
TEXT = TextConfig(64, 2, 4, 24, 520, 20, activation="gelu", end_id=519)
MODEL = {
    "embed_dim": 20,
    "vision_cfg": {"layers": 2, "width": 64, "head_width": 32, "patch_size": 8, "image_size": 32},
    "text_cfg": {"context_length": 24, "vocab_size": 520, "width": 64, "heads": 4, "layers": 2},
}


def network(activation: str = "gelu") -> ClipNetwork:
    torch.manual_seed(0)
    built = ClipNetwork(
        replace(VISION, activation=activation), replace(TEXT, activation=activation)
    )
    for parameter in built.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return built.eval().requires_grad_(False)


@pytest.fixture
def tokenizer(tokenizer_folder: Path) -> BpeTokenizer:  # noqa: F811
    return BpeTokenizer(tokenizer_folder, 24)


def write(folder: Path, tokenizer: BpeTokenizer, built: ClipNetwork, **changes: object) -> Path:
    """A folder as open_clip writes it; the text tower is a part of its own."""
    folder.mkdir()
    tokenizer.save(folder)
    state = {
        key if key.startswith("visual.") or key == "logit_scale" else f"text.{key}": tensor
        for key, tensor in built.state_dict().items()
    }
    save_file(
        {key: t.contiguous() for key, t in state.items()}, folder / "open_clip_model.safetensors"
    )
    config = {"model_cfg": MODEL | changes, "preprocess_cfg": COLORS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


@torch.no_grad()
@pytest.mark.parametrize(
    ("stated", "activation"), [({}, "gelu"), ({"quick_gelu": True}, "quick_gelu")]
)
@pytest.mark.parametrize("as_file", [False, True])
def test_a_folder_of_open_clip_gives_the_features_of_the_network_it_describes(
    tmp_path: Path, tokenizer: BpeTokenizer, stated: dict[str, bool], activation: str, as_file: bool
) -> None:
    built = network(activation)
    folder = write(tmp_path / "open_clip", tokenizer, built, **stated)
    Clip(built, tokenizer, Preprocessing(32), "it", "").save_pretrained(tmp_path / "theirs")
    reference = CLIPModel.from_pretrained(tmp_path / "theirs")
    clip = Clip.load(
        folder / "open_clip_model.safetensors" if as_file else folder, "cpu", "float32"
    )
    assert (clip.preprocessing.mean, clip.preprocessing.std) == (
        tuple(COLORS["mean"]),
        tuple(COLORS["std"]),
    )
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    ids = tokenizer(["cat", "a dog"])
    answer = reference(input_ids=ids, pixel_values=pixels)
    seen = torch.nn.functional.normalize(clip.image_features(pixels).float(), dim=-1)
    read = torch.nn.functional.normalize(clip.text_features(["cat", "a dog"]).float(), dim=-1)
    np.testing.assert_allclose(seen, answer.image_embeds, atol=2e-5)
    np.testing.assert_allclose(read, answer.text_embeds, atol=2e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_cfg": {"head_width": 48}},
        {"vision_cfg": {"head_width": 100}},
        {"vision_cfg": {"head_width": "wide"}},
        {"text_cfg": {"heads": 5}},
        {"text_cfg": {"heads": 0}},
    ],
    ids=str,
)
def test_a_file_that_does_not_fit_is_one_sentence(
    tmp_path: Path, tokenizer: BpeTokenizer, changes: dict[str, object]
) -> None:
    folder = write(tmp_path / "open_clip", tokenizer, network(), **changes)
    with pytest.raises(CheckpointError, match=r"open_clip_config\.json: (vision|text)_cfg\.head"):
        Clip.load(folder, "cpu", "float32")


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"model_cfg": 3}', '{"model_cfg": {}, "preprocess_cfg": 1}']
)
def test_a_file_without_a_model_is_named(
    tmp_path: Path, tokenizer: BpeTokenizer, text: str
) -> None:
    folder = write(tmp_path / "open_clip", tokenizer, network())
    (folder / "open_clip_config.json").write_text(text)
    with pytest.raises(CheckpointError, match="open_clip_config"):
        Clip.load(folder, "cpu", "float32")


def test_colors_of_the_file_are_checked(tmp_path: Path, tokenizer: BpeTokenizer) -> None:
    folder = write(tmp_path / "open_clip", tokenizer, network())
    config = {"model_cfg": MODEL, "preprocess_cfg": {"mean": [0, 0, 0], "std": [1, 0, 1]}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="image_std is"):
        Clip.load(folder, "cpu", "float32")
