"""What open_clip says of a CLIP beside its weights, in open_clip_config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.clip.layout import infer_configs
from lexiseg.models.clip.text import TextConfig
from lexiseg.models.clip.vision import VisionConfig
from lexiseg.models.side_files import (
    CONFIG,
    OPEN_CLIP_CONFIG,
    check_colors,
    stated_count,
)
from lexiseg.models.weights import read_json


@dataclass(frozen=True)
class OpenClipFile:
    """An open_clip_config.json, checked.

    Attributes:
        file: where it lies.
        model: what it says of the network.
        colors: mean and deviation, under the names of a preprocessor_config.json.
    """

    file: Path
    model: Mapping[str, object]
    colors: Mapping[str, object]

    def configs(self, state: Mapping[str, Tensor]) -> tuple[VisionConfig, TextConfig]:
        """Sizes as shapes tell them, with the heads and the activation as the file states them.

        Args:
            state: the weights in OpenAI's layout.

        Raises:
            CheckpointError: they are no CLIP's, or a number of heads does not divide its width.
        """
        activation = "quick_gelu" if self.model.get("quick_gelu") else "gelu"
        vision, text = infer_configs(state, activation=activation)
        head_width = stated_count(self.model, "vision_cfg", "head_width", self.file)
        text_heads = stated_count(self.model, "text_cfg", "heads", self.file)
        if head_width:
            self._require_divisor("vision_cfg.head_width", head_width, vision.width)
            vision = replace(vision, heads=vision.width // head_width)
        if text_heads:
            self._require_divisor("text_cfg.heads", text_heads, text.width)
            text = replace(text, heads=text_heads)
        return vision, text

    def _require_divisor(self, entry: str, number: int, width: int) -> None:
        if width % number:
            raise CheckpointError(
                f"{self.file}: {entry} is {number}, which does not divide the width {width} of the "
                "weights; take the file that belongs to them."
            )


def find_open_clip(path: Path) -> OpenClipFile | None:
    """The open_clip_config.json of a checkpoint; None where there is none or a config.json leads.

    Args:
        path: folder or file of weights.

    Raises:
        CheckpointError: it cannot be read, or says nothing of a network.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / OPEN_CLIP_CONFIG
    if not file.is_file() or (path.is_dir() and (folder / CONFIG).is_file()):
        return None
    stated = read_json(file)
    model, seen = stated.get("model_cfg"), stated.get("preprocess_cfg") or {}
    if not isinstance(model, dict) or not isinstance(seen, dict):
        raise CheckpointError(
            f"{file} has no model_cfg that is an object; take the file that belongs to the weights."
        )
    colors = {"image_mean": seen.get("mean"), "image_std": seen.get("std")}
    return OpenClipFile(file, model, check_colors(file, colors))
