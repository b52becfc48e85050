"""What the frozen networks make of the pictures, computed once: vectors of texts, SAM 2's maps."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from lexiseg.datasets.sample import Picture
from lexiseg.errors import ImageError
from lexiseg.io.image import read_image, require_file, shown
from lexiseg.io.output_file import write_bytes
from lexiseg.training.openworldsam.networks import FrozenNetworks
from lexiseg.types import ImageEmbedding

Keeping = Literal["none", "memory", "disk"]
Maps = tuple[Tensor, ...]


@dataclass(frozen=True)
class FeatureCaching:
    """What is kept of the frozen networks' work.

    Attributes:
        folder: for what is kept on disk, shared by runs; None keeps vectors in memory.
        maps: where SAM 2's maps of every picture are kept: some 17 MB each at published size.
        half: keep maps in half precision. Training then sees the rounded maps from the first
            time on, so that it does not matter when they were kept.
    """

    folder: Path | None = None
    maps: Keeping = "none"
    half: bool = False


class PictureFile:
    """A picture whose pixels are read when they are first needed.

    Args:
        image: a path, or (H, W, 3) uint8 RGB.
        size_hw: (H, W) that it is to have.
    """

    def __init__(self, image: Picture, size_hw: tuple[int, int]) -> None:
        self.image, self.size_hw = image, size_hw
        self._pixels: NDArray[np.uint8] | None = None

    def pixels(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            ImageError: it cannot be read, or is of another size.
        """
        if self._pixels is None:
            pixels = read_image(self.image)
            if pixels.shape[:2] != self.size_hw:
                raise ImageError(
                    f"{self._title()} is {pixels.shape[1]}x{pixels.shape[0]} pixels, but its masks "
                    f"are {self.size_hw[1]}x{self.size_hw[0]}; give those of this picture."
                )
            self._pixels = pixels
        return self._pixels

    def key(self) -> str:
        """What tells this picture from others: name, size and time of a file, else its content.

        Raises:
            ImageError: there is no such file.
        """
        if isinstance(self.image, Path):
            require_file(self.image)
            state = self.image.stat()
            return f"{self.image.resolve()} {state.st_size} {state.st_mtime_ns}"
        shape = f"{self.image.shape}".encode()
        return hashlib.sha256(shape + np.ascontiguousarray(self.image).tobytes()).hexdigest()

    def _title(self) -> str:
        return shown(self.image) if isinstance(self.image, Path) else "A given picture"


class Features:
    """The frozen networks behind a memory.

    Args:
        networks: whose work it is.
        caching: what is kept.
    """

    def __init__(self, networks: FrozenNetworks, caching: FeatureCaching | None = None) -> None:
        self.networks, self.caching = networks, caching or FeatureCaching()
        self._vectors = VectorStore(self.caching.folder)
        self._maps: dict[str, Maps] = {}

    def vectors(self, picture: PictureFile, texts: Sequence[str]) -> Tensor:
        """(N, D) float32 for N texts, of which only new ones are read."""
        pairs = self.networks.pairs
        prefix = f"{pairs.fingerprint} {getattr(pairs, 'dtype', '')} {picture.key()}"
        keys = {text: _digest(f"{prefix} {text}") for text in texts}
        known = {text: self._vectors.get(key) for text, key in keys.items()}
        new = [text for text, vector in known.items() if vector is None]
        if new:
            for text, vector in zip(
                new, self.networks.vectors(picture.pixels(), new).cpu(), strict=True
            ):
                self._vectors.put(keys[text], vector)
                known[text] = vector
        rows = [vector for text in texts if (vector := known[text]) is not None]
        return torch.stack(rows).to(self.networks.device)

    def embedding(self, picture: PictureFile) -> ImageEmbedding:
        """SAM 2's maps of a picture."""
        segmenter = self.networks.segmenter
        frame = segmenter.preprocessing.frame(picture.size_hw)
        maps = self._kept(picture, lambda: self._round(segmenter.encode(picture.pixels()).maps))
        return ImageEmbedding(frame, tuple(m.to(segmenter.device, segmenter.dtype) for m in maps))

    def needs_pixels(self, picture: PictureFile) -> bool:
        """Whether the maps of a picture are not kept yet."""
        key = self._map_key(picture)
        return key not in self._maps and not self._map_file(key).is_file()

    def _round(self, maps: Maps) -> Maps:
        return tuple(m.half() if self.caching.half else m for m in maps)

    def _kept(self, picture: PictureFile, make: Callable[[], Maps]) -> Maps:
        if self.caching.maps == "none":
            return make()
        key = self._map_key(picture)
        if self.caching.maps == "memory":
            if key not in self._maps:
                self._maps[key] = tuple(m.cpu() for m in make())
            return self._maps[key]
        file = self._map_file(key)
        if not file.is_file():
            named = {str(n): m.cpu().contiguous() for n, m in enumerate(make())}
            write_bytes(file, save(named))
        stored = load(file.read_bytes())
        return tuple(stored[str(n)] for n in range(len(stored)))

    def _map_key(self, picture: PictureFile) -> str:
        segmenter = self.networks.segmenter
        kind = "half" if self.caching.half else str(segmenter.dtype)
        return _digest(f"{segmenter.fingerprint} {kind} {picture.key()}")

    def _map_file(self, key: str) -> Path:
        return (self.caching.folder or Path()) / "maps" / key[:2] / f"{key}.safetensors"


class VectorStore:
    """Vectors by key, in a file that several processes may use, or in memory.

    Args:
        folder: of the file ``vectors.sqlite``; None for memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        place = ":memory:" if folder is None else str(folder / "vectors.sqlite")
        self._rows = sqlite3.connect(place, timeout=60, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = NORMAL")
        self._rows.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, value BLOB)")

    def get(self, key: str) -> Tensor | None:
        """(D,) float32, if it is there."""
        row = self._rows.execute("SELECT value FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if row is None else torch.from_numpy(np.frombuffer(row[0], np.float32).copy())

    def put(self, key: str, vector: Tensor) -> None:
        """Keep a (D,) float32 vector."""
        content = vector.float().numpy().tobytes()
        self._rows.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", (key, content))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
