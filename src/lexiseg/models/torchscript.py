"""Weights out of TorchScript archives, such as OpenAI's ``ViT-B-32.pt``, without running them.

An archive is a zip of numbers and of a pickle that says which object holds which; programs lie
beside it and are left alone. Only tensors and the names that lead to them are read.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

DTYPES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}  # fmt: skip
TENSOR = ("torch._utils", "_rebuild_tensor_v2")
LISTS = "torch.jit._pickle"  # what marks lists as being of one type


def is_torchscript(file: Path) -> bool:
    """Whether a file is such an archive."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(file: Path) -> dict[str, Tensor]:
    """The tensors of an archive by their dotted names, as ``state_dict`` would name them.

    Args:
        file: the archive.

    Raises:
        pickle.UnpicklingError: it asks for anything but tensors and the objects that hold them.
        zipfile.BadZipFile: it is damaged.
        KeyError: a part of it is missing.
    """
    with zipfile.ZipFile(file) as archive:
        inside = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        root = _Reader(archive, PurePosixPath(inside).parent).load()
    return dict(_tensors(root, ""))


class _Holder:
    """An object of the archive: its attributes, and nothing that it could do."""

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)


class _Reader(pickle.Unpickler):
    """Makes tensors and holders of them; refuses all else."""

    def __init__(self, archive: zipfile.ZipFile, folder: PurePosixPath) -> None:
        super().__init__(io.BytesIO(archive.read(str(folder / "data.pkl"))))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> type[_Holder] | Callable[..., object] | str:
        """What stands for a name of the pickle."""
        if module.startswith("__torch__"):
            return _Holder
        if (module, name) == TENSOR:
            return _strided
        if module == LISTS:
            return lambda entries, *_: entries
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"the archive asks for {module}.{name}")

    def persistent_load(self, place: tuple[str, str, str, str, int]) -> Tensor:
        """The numbers of a storage, flat."""
        _, kind, name, _, count = place
        content = bytearray(self._archive.read(str(self._folder / "data" / name)))
        if not count:
            return torch.empty(0, dtype=DTYPES[kind])
        return torch.frombuffer(content, dtype=DTYPES[kind], count=count)


def _strided(
    numbers: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
    return numbers.as_strided(size, stride, offset).clone()


def _tensors(holder: object, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in vars(holder).items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, _Holder):
            yield from _tensors(value, f"{prefix}{name}.")
