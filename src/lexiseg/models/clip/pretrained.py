"""CLIP checkpoints on disk: read either layout, write Hugging Face's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from lexiseg.errors import OutputError
from lexiseg.models.clip.layout import (
    configs_from_huggingface,
    configs_to_huggingface,
    infer_configs,
    to_huggingface,
    to_openai,
)
from lexiseg.models.clip.model import ClipNetwork
from lexiseg.models.clip.open_clip import find_open_clip
from lexiseg.models.clip.preprocess import Preprocessing
from lexiseg.models.clip.text import TextConfig
from lexiseg.models.clip.vision import PositionTable, VisionConfig
from lexiseg.models.device import choose_dtype
from lexiseg.models.side_files import CONFIG, read_config, read_preprocessor
from lexiseg.models.weights import empty_weights, load_strictly, read_state


@dataclass(frozen=True)
class Pretrained:
    """All that a checkpoint says, before a network is made of it."""

    vision: VisionConfig
    text: TextConfig
    preprocessing: Preprocessing
    state: Mapping[str, Tensor] = field(repr=False)  # OpenAI layout
    origin: str  # what to call it in messages

    def build(
        self, device: torch.device, dtype: str | torch.dtype, position: PositionTable
    ) -> ClipNetwork:
        """Make the network; no weight is initialized only to be overwritten.

        Raises:
            CheckpointError: keys or shapes do not fit.
        """
        with empty_weights():
            network = ClipNetwork(self.vision, self.text, position)
        load_strictly(network, self.state, self.origin, choose_dtype(dtype, device))
        return network.to(device)


def read_pretrained(path: Path) -> Pretrained:
    """Read a checkpoint.

    Args:
        path: folder in Hugging Face's or open_clip's format, or a file whose sizes follow from its
            shapes; an open_clip_config.json beside it says what no shape tells.

    Raises:
        CheckpointError: unreadable or no CLIP.
        WeightsNotFoundError: the folder has no weights.
    """
    state = to_openai(read_state(path))
    colors = read_preprocessor(path)
    if theirs := find_open_clip(path):
        vision, text = theirs.configs(state)
        colors = {**theirs.colors, **colors}
    elif path.is_dir():
        vision, text = configs_from_huggingface(read_config(path), str(path / CONFIG))
    else:
        vision, text = infer_configs(state)
    preprocessing = Preprocessing.from_huggingface(colors, vision.image_size)
    return Pretrained(vision, text, preprocessing, state, str(path))


def save_pretrained(
    network: ClipNetwork,
    folder: str | Path,
    preprocessing: Preprocessing | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write config.json, preprocessor_config.json and model.safetensors as CLIPModel reads them.

    Args:
        network: any CLIP network.
        folder: created if needed; the three files are replaced.
        preprocessing: None for CLIP's own statistics at the network's native size.
        dtype: precision to store in; None keeps the present one.

    Returns:
        The folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    target = Path(folder)
    prepared = preprocessing or Preprocessing(network.visual.config.image_size)
    state = to_huggingface(network.state_dict())
    # Scalars keep their precision: the temperature is an exponent.
    stored = {key: t.cpu().to(dtype if dtype and t.ndim else t.dtype) for key, t in state.items()}
    config = configs_to_huggingface(network.visual.config, network.text.config)
    try:
        target.mkdir(parents=True, exist_ok=True)
        partial = target / "model.safetensors.partial"
        save_file(stored, partial, metadata={"format": "pt"})
        _write_json(target / "config.json", config)
        _write_json(target / "preprocessor_config.json", prepared.to_huggingface())
        partial.replace(target / "model.safetensors")
    except OSError as error:
        raise OutputError(f"Cannot write a checkpoint into {folder} ({error}).") from error
    return target


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
