"""An image-text network of whatever kind a checkpoint holds."""

from __future__ import annotations

from pathlib import Path

from lexiseg.models.bundled import bundled_or_given
from lexiseg.models.clip import Clip
from lexiseg.models.hub import find_weights
from lexiseg.models.siglip import Siglip
from lexiseg.models.weights import read_json


def load_image_text(source: str | Path, device: str = "auto", dtype: str = "auto") -> Clip | Siglip:
    """Load a CLIP or a SigLIP.

    Args:
        source: known, bundled or hub name, folder or file.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.

    Raises:
        WeightsNotFoundError: not on this machine.
        CheckpointError: it is neither.
    """
    place = bundled_or_given(source)
    side_file = find_weights(place) / "config.json"
    kind = read_json(side_file).get("model_type") if side_file.is_file() else "clip"
    network = Siglip if kind in ("siglip", "siglip2") else Clip
    loaded = network.load(place, device, dtype)
    loaded.name = str(source)
    return loaded
