"""The list of files a run wrote, so that a later one can take away those and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from lexiseg.errors import OutputError

FILES = "files.txt"


class Manifest:
    """``files.txt`` in a run folder: paths below it, one per line.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._list = folder / FILES

    def add(self, written: Iterable[Path]) -> None:
        """Note files below the folder.

        Raises:
            OutputError: the list cannot be written.
        """
        names = (path.relative_to(self._folder).as_posix() for path in written)
        try:
            with self._list.open("a", encoding="utf-8", newline="\n") as stream:
                stream.writelines(f"{name}\n" for name in names)
        except OSError as error:
            raise OutputError(f"{self._list} cannot be written ({error.strerror}).") from error

    def holds(self, path: Path) -> bool:
        """Whether the run wrote this file."""
        return path in self._noted()

    def clear(self) -> None:
        """Remove the files noted, the folders this leaves empty, and the list.

        Raises:
            OutputError: a file cannot be removed.
        """
        try:
            for path in self._noted():
                path.unlink(missing_ok=True)
                self._remove_empty(path.parent)
            self._list.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"{error.filename} cannot be removed ({error.strerror}); choose another folder."
            ) from error

    def _noted(self) -> Iterator[Path]:
        """Never a path that leads out of the folder, whatever the list says."""
        if not self._list.is_file():
            return
        for line in self._list.read_text(encoding="utf-8").splitlines():
            name = PurePosixPath(line)
            if line and not name.is_absolute() and ".." not in name.parts:
                yield self._folder / name

    def _remove_empty(self, folder: Path) -> None:
        with suppress(OSError):  # not empty, or gone
            while folder != self._folder:
                folder.rmdir()
                folder = folder.parent
