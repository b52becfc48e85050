"""Networks that run as transformers has them, read from a published folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import nn

from lexiseg.errors import CheckpointError
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import CONFIG, PREPROCESSOR, read_config, read_preprocessor
from lexiseg.models.weights import fingerprint, read_json, require_finite, weight_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

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

    network: PreTrainedModel
    folder: Path
    name: str
    fingerprint: str

    def side_file(self, name: str) -> dict[str, Any]:
        """The content of a JSON file beside the weights; empty if it is not there."""
        if name == PREPROCESSOR:
            return read_preprocessor(self.folder)
        path = self.folder / name
        return read_json(path) if path.is_file() else {}


class PublishedModel:
    """A network as transformers runs it, in float32, and what to call it in results.

    Args:
        published: the filled network and its folder.
    """

    # What a folder may hold; the first is the one to name where it holds another network.
    architectures: ClassVar[Sequence[Architecture]]

    def __init__(self, published: Published) -> None:
        self.network: Any = published.network
        self.name = published.name
        self.fingerprint = published.fingerprint

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> Self:
        """Load from a known name (`lexiseg.models.hub.checkpoints`), hub id or folder.

        Args:
            source: where the weights are.
            device: "auto" or a torch device.
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the folder does not fit.
        """
        return cls(
            load_published(cls.architectures, source, device, revision=revision, download=download)
        )

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return next(self.network.parameters()).device  # type: ignore[no-any-return]

    @property
    def dtype(self) -> torch.dtype:
        """The precision it computes in."""
        return next(self.network.parameters()).dtype  # type: ignore[no-any-return]


class PublishedEncoder(PublishedModel):
    """A published network that bears 16 bits, so that its precision can be chosen."""

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> Self:
        """Load like `PublishedModel.load`, in a precision.

        Args:
            source: known name, hub id or folder.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the folder does not fit.
        """
        place = choose_device(device)
        return cls(
            load_published(
                cls.architectures, source, place, choose_dtype(dtype, place), revision=revision,
                download=download,
            )
        )  # fmt: skip


def load_published(
    architectures: Sequence[Architecture],
    source: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype = torch.float32,
    *,
    revision: str | None = None,
    download: bool = False,
) -> Published:
    """Load a checkpoint with transformers' own reader, which knows its older key layouts.

    Args:
        architectures: what the folder may hold; messages speak of the first.
        source: known name, hub id or folder.
        device: "auto" or a torch device.
        dtype: precision.
        revision: branch, tag or commit on the hub.
        download: allow fetching from the hub what is not in its cache.

    Raises:
        WeightsNotFoundError: not on this machine.
        CheckpointError: the folder holds another network, or tensors are missing or misshaped.
    """
    path, expected = find_weights(source, revision, download), architectures[0]
    if not path.is_dir():
        raise CheckpointError(
            f"{path} is a file; {expected.title} needs its folder with config.json and tokenizer."
        )
    kind = read_config(path).get("model_type")
    architecture = next((known for known in architectures if known.model_type == kind), None)
    if architecture is None:
        raise CheckpointError(
            f"{path / CONFIG}: model_type is {kind!r}; expected {expected.model_type!r}."
        )
    weight_files(path)  # says what is missing if there are none
    network = _read(architecture, path, dtype)
    module: nn.Module = network  # whose own methods are not typed
    module.eval().requires_grad_(False).to(choose_device(device))
    return Published(network, path, str(source), fingerprint(path))


def _read(architecture: Architecture, path: Path, dtype: torch.dtype) -> PreTrainedModel:
    home = import_module(f"transformers.models.{architecture.module}")
    model = getattr(home, architecture.model)
    network: PreTrainedModel
    try:
        with _quiet():
            network, report = model.from_pretrained(
                str(path), local_files_only=True, dtype=dtype, output_loading_info=True
            )
    except Exception as error:  # configs and readers raise errors of several libraries
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(f"{path} does not fit {architecture.title} ({reason[:200]}).") from (
            error
        )
    faults = [f"{kind.split('_')[0]} {key}" for kind in FAULTS for key in sorted(report[kind])]
    if faults:
        raise CheckpointError(
            f"{path} does not fit {architecture.title}: {len(faults)} tensors are at fault "
            f"({', '.join(faults[:SHOWN_KEYS])})."
        )
    require_finite(network.state_dict(), str(path))
    return network


FAULTS = ("missing_keys", "unexpected_keys")


@contextmanager
def _quiet() -> Iterator[None]:
    """Progress bars and reports of the reader; ours says what matters."""
    logging = import_module("transformers.utils.logging")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
