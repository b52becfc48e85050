"""The folder a world is written to: whole files only, and never two worlds in one folder."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import OutputError, UsageError

RECORD = "miniworld.json"
JPEG_QUALITY = 95


@dataclass(frozen=True)
class WorldFolder:
    """An output folder bound to one configuration.

    Args:
        root: the folder.
        settings: what fixes the content, apart from the number of scenes.
    """

    root: Path
    settings: Mapping[str, object]

    def claim(self, count: int) -> None:
        """Check that the folder is free or holds the same world, and mark it as ours.

        Raises:
            UsageError: it holds another world, more scenes than `count`, or other files.
            OutputError: it cannot be read or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            record = self.root / RECORD
            found = json.loads(record.read_text("utf-8")) if record.exists() else None
            taken = found is None and any(self.root.iterdir())
        except (OSError, ValueError) as error:
            raise OutputError(
                f"Folder {self.root} cannot be used ({error}); choose a folder with write access."
            ) from error
        if taken:
            raise UsageError(f"Folder {self.root} holds other files; give a new or empty folder.")
        if found is None:
            self._write_record(0)
        else:
            self._compare(found, count)

    def _compare(self, found: object, count: int) -> None:
        record = found if isinstance(found, dict) else {}
        settings = record.get("settings", {})
        differing = [key for key, value in self.settings.items() if settings.get(key) != value]
        if differing:
            given = ", ".join(f"{key}={self.settings[key]!r}" for key in differing)
            there = ", ".join(f"{key}={settings.get(key)!r}" for key in differing)
            raise UsageError(
                f"Folder {self.root} holds a world with {there}, not {given}; "
                "give another folder or the same options."
            )
        if record.get("count", 0) > count:
            raise UsageError(
                f"Folder {self.root} holds {record['count']} scenes already, {count} were asked; "
                "give at least as many or another folder."
            )

    def finish(self, count: int) -> None:
        """Record that the first `count` scenes and all tables are complete."""
        self._write_record(count)

    def _write_record(self, count: int) -> None:
        self.write_json(RECORD, {"settings": dict(self.settings), "count": count})

    def has(self, name: str) -> bool:
        """Whether a file is there; it is complete if it is."""
        return (self.root / name).exists()

    def write(self, name: str, content: bytes) -> None:
        """Write a file so that it appears under its name only when complete.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.root / name
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(
                f"{path} cannot be written ({error.strerror or error}); "
                "choose a folder with write access and free space."
            ) from error

    def write_json(self, name: str, value: object) -> None:
        """Write a JSON file."""
        self.write(name, json.dumps(value, ensure_ascii=False).encode())

    def write_lines(self, name: str, lines: Sequence[str]) -> None:
        """Write a text file of lines."""
        self.write(name, "".join(f"{line}\n" for line in lines).encode())

    def write_photo(self, name: str, image: NDArray[np.uint8]) -> None:
        """Write (H, W, 3) uint8 RGB as JPEG, unless the file is there."""
        if not self.has(name):
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
            self.write(name, stream.getvalue())

    def write_labels(self, name: str, labels: NDArray[np.integer]) -> None:
        """Write (H, W) numbers 0..255 as PNG with the palette of PASCAL VOC, unless present."""
        if not self.has(name):
            picture = Image.fromarray(labels.astype(np.uint8))
            picture.putpalette(voc_palette())
            self.write_png(name, picture)

    def write_png(self, name: str, picture: Image.Image) -> None:
        """Write a picture as PNG, unless the file is there."""
        if not self.has(name):
            stream = io.BytesIO()
            picture.save(stream, "PNG")
            self.write(name, stream.getvalue())


def voc_palette() -> bytes:
    """The 256 colors of PASCAL VOC and DAVIS label files, RGB byte by byte.

    The bits of an index go to the three channels in turn, the lowest to the highest place.
    """
    colors = bytearray()
    for index in range(256):
        for channel in range(3):
            bits = [(index >> (3 * place + channel)) & 1 for place in range(3)]
            colors.append(sum(bit << (7 - place) for place, bit in enumerate(bits)))
    return bytes(colors)
