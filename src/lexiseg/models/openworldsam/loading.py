"""Read an adapter out of whatever file holds its numbers, and write one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from lexiseg.config import override
from lexiseg.errors import CheckpointError, UsageError
from lexiseg.io.output_file import write_bytes, write_text
from lexiseg.models.hub import find_weights
from lexiseg.models.openworldsam.adapter import Adapter
from lexiseg.models.openworldsam.config import AdapterConfig, config_of
from lexiseg.models.side_files import CONFIG, read_config
from lexiseg.models.weights import fingerprint, load_strictly, read_state

PARTS = ("text_hidden_fcs", "positional_tokens", "cross_attention_transformer")
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class AdapterFile:
    """The adapter's tensors in a file.

    Attributes:
        state: key -> tensor, named as in `Adapter`.
        ignored: beginnings of all other keys with their number, such as the frozen networks that
            the published checkpoint holds twice.
    """

    state: Mapping[str, Tensor]
    ignored: Mapping[str, int]


def sort_keys(state: Mapping[str, Tensor], origin: str) -> AdapterFile:
    """Take an adapter's tensors by name, with or without a prefix.

    Args:
        state: key -> tensor.
        origin: what to call it in messages.

    Raises:
        CheckpointError: there is no adapter in it.
    """
    ends = [key for key in state if key.endswith("positional_tokens")]
    if not ends:
        raise CheckpointError(
            f"{origin} holds no OpenWorldSAM adapter: no key ends with 'positional_tokens'."
        )
    prefix = min(ends, key=len).removesuffix("positional_tokens")
    own = {
        key.removeprefix(prefix): tensor
        for key, tensor in state.items()
        if key.startswith(prefix) and key.removeprefix(prefix).split(".")[0] in PARTS
    }
    ignored: dict[str, int] = {}
    for key in state:
        if not (key.startswith(prefix) and key.removeprefix(prefix) in own):
            start = key.split(".")[0]
            ignored[start] = ignored.get(start, 0) + 1
    return AdapterFile(own, ignored)


def load_adapter(
    source: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[Adapter, Mapping[str, int]]:
    """Load an adapter.

    Args:
        source: file, folder, bundled name or hub id: the published checkpoint, a repack of it, or
            one that `save_adapter` wrote.
        device: where to put it.
        dtype: its precision.

    Returns:
        the adapter in evaluation mode, and what else the file held: key start -> tensors.

    Raises:
        WeightsNotFoundError: there are no weights.
        CheckpointError: there is no adapter in them, it does not fit, or config.json makes no
            sense.
    """
    path = find_weights(source)
    found = sort_keys(read_state(path), str(path))
    config = _config(path, found.state)
    with torch.device("meta"):
        adapter = Adapter(config)
    load_strictly(adapter, found.state, str(path), dtype)
    adapter.name, adapter.fingerprint = str(source), fingerprint(path)
    return adapter.to(device).eval(), found.ignored


def _config(folder: Path, state: Mapping[str, Tensor]) -> AdapterConfig:
    """Sizes as stated beside the weights, and what is not as the tensors have it."""
    if not (folder / CONFIG).is_file():
        return config_of(state)
    stated = read_config(folder)
    try:
        return override(config_of(state, stated.get("heads", AdapterConfig.heads)), stated)
    except UsageError as error:
        raise CheckpointError(
            f"{folder / CONFIG} describes no OpenWorldSAM adapter ({str(error).rstrip('.')}); take "
            "the file that belongs to the weights."
        ) from error


def save_adapter(adapter: Adapter, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write an adapter as safetensors with its sizes beside it; each file appears when complete.

    Args:
        adapter: any.
        folder: made if absent.
        dtype: precision of the file.
    """
    state = {key: tensor.to(dtype).contiguous() for key, tensor in adapter.state_dict().items()}
    write_bytes(folder / WEIGHTS, save(state))
    write_text(folder / CONFIG, json.dumps(asdict(adapter.config), indent=2) + "\n")
