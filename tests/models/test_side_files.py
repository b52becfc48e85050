"""Configs that published networks have pass the checks; what is refused is fuzzed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers

from lexiseg.errors import CheckpointError
from lexiseg.models.side_files import blaming, read_config, read_preprocessor

PUBLISHED = (
    "BertConfig", "CLIPConfig", "CLIPSegConfig", "DINOv3ViTConfig", "Dinov2Config",
    "Dinov2WithRegistersConfig", "EdgeTamConfig", "GPT2Config", "GroundingDinoConfig",
    "Owlv2Config", "Sam2Config", "Sam3TrackerConfig", "SamConfig", "SamHQConfig",
    "SiglipConfig", "Siglip2Config", "ViTConfig",
)  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_settings_pass(name: str, tmp_path: Path) -> None:
    settings = getattr(transformers, name)().to_dict()
    (tmp_path / "config.json").write_text(json.dumps(settings, default=str), encoding="utf-8")
    assert read_config(tmp_path)["model_type"] == settings["model_type"]


def test_no_preprocessor_and_null_colors_leave_the_defaults(tmp_path: Path) -> None:
    assert read_preprocessor(tmp_path) == {}
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": null, "size": 8}')
    assert read_preprocessor(tmp_path) == {"size": 8}


def test_foreign_errors_become_one_sentence_and_ours_pass() -> None:
    said = r"^a describes no b network \(ValueError: x y\)\.$"
    with pytest.raises(CheckpointError, match=said), blaming("a", "b"):
        raise ValueError("x\ny")
    with pytest.raises(CheckpointError, match="^ours$"), blaming("a", "b"):
        raise CheckpointError("ours")
