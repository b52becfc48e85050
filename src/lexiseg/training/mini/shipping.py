"""What is written for a bundled model, and how the present one was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from transformers import PreTrainedModel

from lexiseg.models.bundled import bundled_folder
from lexiseg.training.engine.record import read_sessions


def write_half(model: PreTrainedModel, folder: Path) -> None:
    """Write config.json and model.safetensors, in half precision and readable by everyone."""
    model.half().save_pretrained(folder)  # type: ignore[no-untyped-call]
    readable(folder)


def readable(folder: Path) -> None:
    """Let everyone read the weights in a folder."""
    (folder / "model.safetensors").chmod(0o644)


def write_preprocessor(folder: Path, settings: Mapping[str, object]) -> None:
    """Write preprocessor_config.json, which says what pictures the network expects."""
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")


def bundled_sessions(model: str) -> list[dict[str, object]]:
    """Records of the sessions that made the weights of a bundled model."""
    return read_sessions(bundled_folder(model))
