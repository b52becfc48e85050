"""One writer at a time in a folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lexiseg.errors import OutputError

LOCK = ".lexiseg.lock"


class FolderInUseError(OutputError):
    """Another process writes into the folder."""


class FolderLock:
    """Keeps other runs out of a folder, which is made if absent.

    The operating system holds the lock and ends it with the process, however that ends; the file
    that a killed process or another computer left behind locks nothing.

    Args:
        folder: to be written.

    Raises:
        FolderInUseError: another run has it.
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._made = _make(folder)
        self._file = folder / LOCK
        self._lock = FileLock(self._file, blocking=False)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise FolderInUseError(
                f"Folder {folder} is being written by another run; wait until that has ended, or "
                "choose another folder with -o."
            ) from error

    def release(self) -> None:
        """Let others in; folders that were made for the lock go if they are still empty."""
        if os.name == "nt":  # where an open file cannot be removed
            self._lock.release()
            self._discard()
        else:  # who waits for a file that is gone notices it
            self._discard()
            self._lock.release()
        with suppress(OSError):  # not empty
            for folder in self._made:
                folder.rmdir()

    def _discard(self) -> None:
        with suppress(OSError):  # gone, or another process has just taken it
            self._file.unlink()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; the new ones, innermost first."""
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return new
