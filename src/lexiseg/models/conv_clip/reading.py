"""Tensors of a convolutional CLIP, whose text tower may lie beside another's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.clip.pretrained import read_pretrained
from lexiseg.models.conv_clip.layout import to_ours
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import CONFIG, read_config
from lexiseg.models.weights import fingerprint, read_state

OF_PAIR = ("visual.", "logit_scale")  # what a text tower is not


def read_towers(path: Path) -> dict[str, Tensor]:
    """Both towers of a checkpoint, in the keys of `ConvClipNetwork`.

    Args:
        path: folder or file; a config.json of ours may say under ``text.weights`` which CLIP's text
            tower was taken over as it is and is not stored again.

    Raises:
        CheckpointError: unreadable.
        WeightsNotFoundError: that CLIP is not on this machine.
    """
    state, source = to_ours(read_state(path)), text_source(path)
    if source is None:
        return state
    theirs = read_pretrained(source).state
    text = {key: tensor for key, tensor in theirs.items() if not key.startswith(OF_PAIR)}
    return {**text, **state}


def fingerprint_towers(path: Path) -> str:
    """The sha256 of the weights; of towers in two files, of both together."""
    source = text_source(path)
    if source is None:
        return fingerprint(path)
    both = fingerprint(path) + fingerprint(source)
    return hashlib.sha256(both.encode()).hexdigest()


def text_source(path: Path) -> Path | None:
    """Where the text tower lies if not in the checkpoint itself.

    Raises:
        CheckpointError: the config.json names it by something else than a text.
        WeightsNotFoundError: it is not on this machine.
    """
    text = read_config(path).get("text") if (path / CONFIG).is_file() else None
    source = text.get("weights") if isinstance(text, dict) else None
    if source is None:
        return None
    if not isinstance(source, str):
        raise CheckpointError(
            f"{path / CONFIG}: text.weights is {source!r}; expected the name or folder of a CLIP."
        )
    return find_weights(source)
