"""Write a convolutional CLIP as `ConvClip.load` reads it."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from lexiseg.models.conv_clip.network import ConvClipNetwork
from lexiseg.models.conv_clip.reading import OF_PAIR
from lexiseg.models.side_files import CONFIG

WEIGHTS = "model.safetensors"
MODEL_TYPE = "conv_clip"


def save_conv_clip(
    network: ConvClipNetwork,
    folder: Path,
    dtype: torch.dtype | None = None,
    *,
    text: str | None = None,
) -> None:
    """Write weights in the published names, and beside them what no shape tells.

    Args:
        network: any.
        folder: made if absent; a tokenizer's files belong there too.
        dtype: precision to store in; None keeps the present one, scalars always do.
        text: name or folder of a CLIP that has the very same text tower, which is then not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        key: tensor.detach().cpu().to(dtype if dtype and tensor.ndim else tensor.dtype).contiguous()
        for key, tensor in network.state_dict().items()
        if text is None or key.startswith(OF_PAIR)
    }
    elsewhere = {} if text is None else {"weights": text}
    stated = {
        "model_type": MODEL_TYPE,
        "text": {"heads": network.config.text.heads, **elsewhere},
        "vision": {"image_size": network.config.vision.image_size},
    }
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(stated, indent=2) + "\n", "utf-8")
