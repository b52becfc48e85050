"""The multimodal encoder's box: one vector for each pair of picture and text, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from lexiseg.io.output_file import write_bytes


class PairEncoder(Protocol):
    """Anything that gives one vector for a picture and a text.

    Attributes:
        fingerprint: sha256 of its weights.
    """

    fingerprint: str

    @property
    def width(self) -> int:
        """Length of the vectors."""

    def prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """What it needs of an (H, W, 3) uint8 RGB picture."""

    def pair_features(self, pixels: Tensor | None, texts: Sequence[str]) -> Tensor:
        """(N, D) float32, one vector for the picture with each of N texts."""


class PairVectors:
    """Vectors of one picture with any texts; what was asked before is remembered.

    Args:
        encoder: makes them.
        pixels: of its `prepare`.
        file: where they are kept beyond the program's end; None for nowhere.
    """

    def __init__(self, encoder: PairEncoder, pixels: Tensor, file: Path | None = None) -> None:
        self._encoder, self._pixels, self._file = encoder, pixels, file
        self._lock = Lock()
        self._known: dict[str, Tensor] = {} if file is None else dict(_read(file, encoder.width))

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(N, D) float32 of N texts; only those that were never asked are computed."""
        with self._lock:
            new = {_key(text): text for text in texts if _key(text) not in self._known}
            if new:
                vectors = self._encoder.pair_features(self._pixels, list(new.values()))
                self._known.update(zip(new, vectors, strict=True))
                self._store()
            found = [self._known[_key(text)].to(self._pixels.device) for text in texts]
        return torch.stack(found) if found else self._pixels.new_zeros(0, self._encoder.width)

    def _store(self) -> None:
        if self._file is not None:
            vectors = {key: vector.cpu().contiguous() for key, vector in self._known.items()}
            write_bytes(self._file, save(vectors), overwrite=True)


def _key(text: str) -> str:
    """What stands for a text of any length and script."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def vector_file(folder: Path, encoder: PairEncoder, image: NDArray[np.uint8]) -> Path:
    """Where the vectors of a picture are kept: a file per picture, a folder per weights.

    Args:
        folder: of all vectors.
        encoder: whose they are.
        image: (H, W, 3) uint8 RGB.
    """
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    precision = str(getattr(encoder, "dtype", "")).removeprefix("torch.")
    weights = f"{encoder.fingerprint[:16]}-{precision}"
    return folder / weights / f"{digest.hexdigest()}.safetensors"


def _read(file: Path, width: int) -> Mapping[str, Tensor]:
    """Vectors kept earlier; none where the file is absent or damaged, so they are made again."""
    try:
        known = load_file(file) if file.is_file() else {}
    except (SafetensorError, OSError):
        return {}
    return known if all(vector.shape == (width,) for vector in known.values()) else {}
