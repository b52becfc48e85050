"""Read files of weights, name them by their content and fill networks strictly."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.torchscript import is_torchscript, read_torchscript

# In order of preference; an index lists the shards of a large model.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
PICKLES = (".pt", ".pth", ".bin", ".ckpt")
SHOWN_KEYS = 4


def weight_files(path: Path) -> list[Path]:
    """The files that hold the tensors of a folder (its shards in order) or the file itself.

    Raises:
        WeightsNotFoundError: the folder has no weights in a supported form.
    """
    if path.is_file():
        return [path]
    form = next((path / name for name in WEIGHT_FILES if (path / name).is_file()), None)
    if form is None:
        raise WeightsNotFoundError(
            f"Folder {path} has no weights: expected one of {', '.join(WEIGHT_FILES)}."
        )
    if form.suffix != ".json":
        return [form]
    shards = sorted(set(read_json(form).get("weight_map", {}).values()))
    missing = [name for name in shards if not (path / name).is_file()]
    if missing or not shards:
        raise CheckpointError(
            f"{form} lists {len(shards)} shards, of which {len(missing)} are missing; copy all of "
            "them into the folder."
        )
    return [path / name for name in shards]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        CheckpointError: absent, unreadable or not an object.
    """
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not {type(loaded).__name__}.")
    return loaded


def read_state(path: str | Path, prefix: str = "") -> dict[str, Tensor]:
    """Read tensors from a folder or a .safetensors, .npz or PyTorch file.

    Args:
        path: folder or file; PyTorch files are read with `weights_only=True`.
        prefix: keep only keys that start with it, and cut it off.

    Returns:
        Key -> tensor on the CPU, in the stored precision.

    Raises:
        CheckpointError: unreadable, of an unknown kind, or nothing has the prefix.
    """
    state: dict[str, Tensor] = {}
    for file in weight_files(Path(path)):
        state.update(_read_file(file))
    chosen = {key.removeprefix(prefix): t for key, t in state.items() if key.startswith(prefix)}
    if not chosen:
        starts = sorted({key.split(".")[0] for key in state})
        raise CheckpointError(
            f"{path} has no tensors under {prefix!r}; its keys start with {', '.join(starts[:9])}."
        )
    return chosen


def _read_file(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        if file.suffix == ".npz":
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        if file.suffix in PICKLES:
            if is_torchscript(file):  # as OpenAI's first files are
                return read_torchscript(file)
            return _unwrap(torch.load(file, map_location="cpu", weights_only=True))
    except (
        SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile,
        OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError,
    ) as error:  # fmt: skip
        raise CheckpointError(_unreadable_message(file, error)) from error
    raise CheckpointError(
        f"{file} is of an unknown kind; expected .safetensors, .npz or one of {' '.join(PICKLES)}."
    )


def _unreadable_message(file: Path, error: Exception) -> str:
    first_line = (str(error).splitlines() or [""])[0][:160]
    return f"{file} cannot be read as weights ({type(error).__name__}: {first_line})."


def _unwrap(loaded: object) -> dict[str, Tensor]:
    """Training programs store the weights beside other things; take the weights."""
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(t, Tensor) for t in loaded.values()):
        raise ValueError("not a dictionary of tensors")
    return loaded


class _SkipInitialization(TorchFunctionMode):
    """Leave tensors as they are where they would be filled with random numbers."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        named = kwargs or {}
        if func.__name__ in ("normal_", "uniform_"):
            return args[0] if args else named["tensor"]
        return func(*args, **named)


@contextmanager
def empty_weights() -> Iterator[None]:
    """Networks built inside have shapes and no numbers: they cost neither time nor memory.

    On the meta device alone torch would draw its random numbers with the parts of its compiler,
    and load those for it, which takes longer than reading a small network.

    Example:
        >>> with empty_weights():
        ...     layer = nn.Linear(1 << 20, 1 << 20)
        >>> layer.weight.is_meta
        True
    """
    with torch.device("meta"), _SkipInitialization():
        yield


def load_strictly(
    network: nn.Module, state: Mapping[str, Tensor], origin: str, dtype: torch.dtype
) -> None:
    """Fill a network; every key and shape must fit.

    Args:
        network: may lie on the meta device; its parameters are replaced by copies of the state.
        state: key -> tensor.
        origin: what to call the checkpoint in messages.
        dtype: precision of the filled network; scalars such as a temperature stay float32.

    Raises:
        CheckpointError: with the first missing, unexpected and mis-shaped keys and their number,
            or numbers are not finite.
    """
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    misshaped = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    if missing or unexpected or misshaped:
        faults = {"missing": missing, "unexpected": unexpected, "mis-shaped": misshaped}
        listed = "; ".join(_listing(kind, keys) for kind, keys in faults.items() if keys)
        raise CheckpointError(f"{origin} does not fit {type(network).__name__}: {listed}.")
    require_finite(state, origin)
    own = {key: _in_precision(tensor, dtype) for key, tensor in state.items()}
    network.load_state_dict(own, assign=True)


def _in_precision(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy; scalars stay float32, and counters whole numbers."""
    if not tensor.is_floating_point():
        return tensor.detach().clone()
    return tensor.detach().to(dtype if tensor.ndim else torch.float32, copy=True)


def require_finite(state: Mapping[str, Tensor], origin: str) -> None:
    """Refuse weights that would make every answer NaN.

    Raises:
        CheckpointError: with the first tensors that hold NaN or infinity, and their number.
    """
    bad = [key for key, tensor in state.items() if not _is_finite(tensor)]
    if bad:
        raise CheckpointError(
            f"{origin} is damaged: {_listing('tensors with NaN or infinity', bad)}; fetch the file "
            "again."
        )


def _is_finite(tensor: Tensor) -> bool:
    """Whether all elements are numbers; a finite sum, which needs no memory, proves it."""
    if not tensor.is_floating_point() or tensor.is_meta:
        return True
    total = tensor.sum(dtype=torch.promote_types(tensor.dtype, torch.float32))
    return bool(total.isfinite()) or bool(tensor.isfinite().all())


def _listing(kind: str, keys: list[str]) -> str:
    more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return f"{len(keys)} {kind} ({', '.join(keys[:SHOWN_KEYS])}{more})"


def fingerprint(weights: str | Path | Mapping[str, Tensor]) -> str:
    """A sha256 that names the weights.

    For a file it is the sha256 of its content, the same number the hub publishes; files in the
    hub's cache are stored under that name, so they need not be read. Several shards or a
    dictionary of tensors are hashed in the order of their names.
    """
    if isinstance(weights, Mapping):
        return _tensors_digest(weights)
    digests = [_file_digest(file) for file in weight_files(Path(weights))]
    return digests[0] if len(digests) == 1 else _sha256("".join(digests).encode())


def _file_digest(file: Path) -> str:
    blob = file.resolve().name
    if file.is_symlink() and re.fullmatch(r"[0-9a-f]{64}", blob):
        return blob
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _tensors_digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key].detach().cpu().contiguous()
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
