"""Networks that run as transformers has them, read from a published folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.device import choose_device
from lexiseg.models.hub import find_weights
from lexiseg.models.weights import fingerprint, read_json, weight_files

SHOWN_KEYS = 4


@dataclass(frozen=True)
class Architecture:
    """A network of transformers.

    Attributes:
        title: for people.
        model_type: what config.json calls it.
        module: below ``transformers.models``.
        model: its class.
    """

    title: str
    model_type: str
    module: str
    model: str


@dataclass(frozen=True)
class Published:
    """A filled network and the folder it came from.

    Attributes:
        network: in evaluation mode and frozen.
        folder: holds the side files.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights.
    """

    network: Any
    folder: Path
    name: str
    fingerprint: str

    def side_file(self, name: str) -> dict[str, Any]:
        """The content of a JSON file beside the weights; empty if it is not there."""
        path = self.folder / name
        return read_json(path) if path.is_file() else {}


def load_published(
    architecture: Architecture,
    source: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype = torch.float32,
    *,
    revision: str | None = None,
    download: bool = False,
) -> Published:
    """Load a checkpoint with transformers' own reader, which knows its older key layouts.

    Args:
        architecture: what the folder has to hold.
        source: known name, hub id or folder.
        device: "auto" or a torch device.
        dtype: precision.
        revision: branch, tag or commit on the hub.
        download: allow fetching from the hub what is not in its cache.

    Raises:
        WeightsNotFoundError: not on this machine.
        CheckpointError: the folder holds another network, or tensors are missing or misshaped.
    """
    path = find_weights(source, revision, download)
    if not path.is_dir():
        raise CheckpointError(
            f"{path} is a file; {architecture.title} needs its folder with config.json and "
            "tokenizer."
        )
    kind = read_json(path / "config.json").get("model_type")
    if kind != architecture.model_type:
        raise CheckpointError(
            f"{path} holds a {kind!r} model; expected {architecture.model_type!r}."
        )
    weight_files(path)  # says what is missing if there are none
    network = _read(architecture, path, dtype)
    network.eval().requires_grad_(False).to(choose_device(device))
    return Published(network, path, str(source), fingerprint(path))


def _read(architecture: Architecture, path: Path, dtype: torch.dtype) -> Any:
    model = getattr(import_module(f"transformers.models.{architecture.module}"), architecture.model)
    try:
        with _quiet():
            network, report = model.from_pretrained(
                str(path), local_files_only=True, dtype=dtype, output_loading_info=True
            )
    except (OSError, ValueError, TypeError, RuntimeError, LookupError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} does not fit {architecture.title} ({reason[:200]}).") from (
            error
        )
    faults = [f"{kind.split('_')[0]} {key}" for kind in FAULTS for key in sorted(report[kind])]
    if faults:
        raise CheckpointError(
            f"{path} does not fit {architecture.title}: {len(faults)} tensors are at fault "
            f"({', '.join(faults[:SHOWN_KEYS])})."
        )
    return network


FAULTS = ("missing_keys", "unexpected_keys")


@contextmanager
def _quiet() -> Iterator[None]:
    """Progress bars and reports of the reader; ours says what matters."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
