"""The list of files a run wrote: it may replace and remove those, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from lexiseg.errors import OutputError
from lexiseg.io.output_file import refuse_existing, write_bytes

FILES = "files.txt"
HEADER = "# Written by lexiseg: a run replaces and removes the files below, and no others."


class Manifest:
    """``files.txt`` in a run folder: under its header paths below the folder, one per line.

    A file of that name without the header is somebody else's, and nothing in it is believed.

    Args:
        folder: of the run.
        overwrite: a list of somebody else may be replaced.
    """

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        self._folder = folder
        self._list = folder / FILES
        self._overwrite = overwrite
        listed = _listed(self._list)
        self._ours = listed is not None
        self._whole = False  # what a crash cut off is mended by writing the list anew
        self._names = dict.fromkeys(listed or ())

    @property
    def exists(self) -> bool:
        """Whether a run has left its list in the folder."""
        return self._ours

    def __iter__(self) -> Iterator[Path]:
        return (self._folder / name for name in self._names)

    def __len__(self) -> int:
        return len(self._names)

    def holds(self, path: Path) -> bool:
        """Whether the run wrote this file."""
        return path.is_relative_to(self._folder) and self._name(path) in self._names

    def add(self, *paths: Path) -> None:
        """Note files below the folder, each once.

        Raises:
            OutputError: the list cannot be written, or is somebody else's.
        """
        new = dict.fromkeys(name for name in map(self._name, paths) if name not in self._names)
        if not new:
            return
        if self._whole:
            self._append(new)
        else:
            self._write({**self._names, **new})
        self._names.update(new)

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove those of some files that are noted, with the folders this leaves empty.

        The list goes with the last of them.

        Raises:
            OutputError: a file cannot be removed.
        """
        noted = [path for path in paths if self.holds(path)]
        try:
            for path in noted:
                path.unlink(missing_ok=True)
                self._remove_empty(path.parent)
                del self._names[self._name(path)]
            if self._names:
                self._write(self._names)
            elif self._ours:
                self._list.unlink(missing_ok=True)
                self._ours = self._whole = False
        except OSError as error:
            raise OutputError(
                f"{error.filename} cannot be removed ({error.strerror}); choose another folder."
            ) from error

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _append(self, names: Iterable[str]) -> None:
        try:
            with self._list.open("ab") as stream:
                stream.write(b"".join(map(_line, names)))
        except OSError as error:
            raise OutputError(f"{self._list} cannot be written ({error.strerror}).") from error

    def _write(self, names: Iterable[str]) -> None:
        refuse_existing(self._list, self._overwrite or self._ours)
        text = b"".join(map(_line, (HEADER, *names)))
        write_bytes(self._list, text, overwrite=True)
        self._ours = self._whole = True

    def _remove_empty(self, folder: Path) -> None:
        with suppress(OSError):  # not empty, or gone
            while folder != self._folder:
                folder.rmdir()
                folder = folder.parent


class RunOutputs:
    """Tells what runs wrote from what is somebody's own."""

    def __init__(self) -> None:
        self._manifests: dict[Path, Manifest] = {}

    def hold(self, path: Path) -> bool:
        """Whether a run in one of the folders above an absolute path wrote the file."""
        return any(self._manifest(folder).holds(path) for folder in path.parents)

    def _manifest(self, folder: Path) -> Manifest:
        if folder not in self._manifests:
            self._manifests[folder] = Manifest(folder)
        return self._manifests[folder]


def _line(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape") + b"\n"


def _listed(path: Path) -> list[str] | None:
    """Names in a list of ours, None if there is none; never one that leads out of the folder."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:  # absent, or nobody's to read
        return None
    header, *names = text.split("\n")
    if header.rstrip("\r") != HEADER:
        return None
    return [
        name for name in (line.rstrip("\r") for line in names) if _stays_below(path.parent, name)
    ]


def _stays_below(folder: Path, name: str) -> bool:
    parts = PurePosixPath(name)
    if not name or "\0" in name or parts.is_absolute() or ".." in parts.parts:
        return False
    place = (folder / name).parent
    return place.resolve().is_relative_to(folder.resolve())
