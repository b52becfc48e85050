"""What every reader is handed: where pictures lie, and where to tell what was left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path, PureWindowsPath

from lexiseg.errors import LexisegError
from lexiseg.io.reading import MALFORMED
from lexiseg.io.report import Kind, Report, Skip
from lexiseg.types import Result


class EntryError(ValueError):
    """An entry that cannot become a region or a picture.

    Raise it inside `ReadContext.entry`.

    Args:
        reason: what reports count, e.g. "box without mask".
        detail: what else helps to find the fault.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass
class PictureAccess:
    """Which of the pictures that a file names may be read and copied.

    A file from elsewhere could name anything on this machine, so only pictures below the
    given folders are open to it.

    Args:
        roots: folders whose contents the file may name.
        everything: the user trusts the file's paths.
        granted: single files beyond these folders, with the name that each was granted to.
    """

    roots: tuple[Path, ...] = ()
    everything: bool = False
    granted: dict[Path, str] = field(default_factory=dict)

    def allows(self, path: Path, *more_roots: Path) -> bool:
        """Whether a path, with its links followed, lies below one of the folders."""
        if self.everything or path in self.granted:
            return True
        try:
            real = path.resolve()
            return any(real.is_relative_to(root.resolve()) for root in (*self.roots, *more_roots))
        except (OSError, ValueError, RuntimeError):  # no usable path, or links in a circle
            return False


@dataclass(frozen=True)
class ReadContext:
    """What a reader needs besides the file itself.

    Args:
        images: folder of the pictures, if the user gave one.
        report: takes what was left out.
        access: which pictures may be read; every one by default, as suits a file of one's own.
    """

    images: Path | None = None
    report: Report = field(default_factory=Report)
    access: PictureAccess = field(default_factory=lambda: PictureAccess(everything=True))

    def skip(self, kind: Kind, reason: str, file: Path, entry: str = "", detail: str = "") -> None:
        """Note a picture or region that is left out.

        Raises:
            UsageError: the report is strict.
        """
        self.report.skip(Skip(kind, reason, file, entry, detail))

    @contextmanager
    def entry(self, file: Path, entry: str, kind: Kind = "region") -> Iterator[None]:
        """What fails inside costs this entry only, and the report says which and why.

        Args:
            file: where the entry stands.
            entry: which one, e.g. "annotation 7".
            kind: what is lost if it fails.

        Raises:
            UsageError: the report is strict.
        """
        try:
            yield
        except EntryError as error:
            self.skip(kind, error.reason, file, entry, error.detail)
        except (*MALFORMED, LexisegError) as error:
            text = str(error) if isinstance(error, LexisegError) else _said(error)
            self.skip(kind, "malformed entry", file, entry, text.rstrip("."))

    def each(self, files: Sequence[Path], read: Callable[[Path], Result]) -> Iterator[Result]:
        """Read files of one picture each; a damaged one among several costs itself only.

        Args:
            files: in order.
            read: reads one.

        Raises:
            UsageError: the only file is damaged, or the report is strict.
        """
        if len(files) == 1:
            yield read(files[0])
            return
        for file in files:
            result = None
            with self.entry(file, "", "picture"):
                result = read(file)
            if result is not None:
                yield result

    def picture(self, name: str, folder: Path, *, also: Path | None = None) -> Path:
        """The picture that a file names, found as the tools that write such files mean it.

        Looked for by its name, with the slashes of either system, in the folder the user gave,
        in that of the file, and in a folder ``images`` in it or beside it; then by its last part
        alone, unless that picture belongs to another name. What is not found there stays as it
        was named, and `access` does not open it.

        Args:
            name: as it stands in the file, relative or absolute.
            folder: the folder of the file.
            also: a further folder that names may be relative to.
        """
        posix = PureWindowsPath(name).as_posix() if "\\" in name else name
        roots = [folder.parent / "images", *([also] if also else [])]
        bases = [*([self.images] if self.images else []), folder, folder / "images", *roots]
        whole = (base / named for named in dict.fromkeys((name, posix)) for base in bases)
        last = (base / Path(posix).name for base in bases)
        for place, by_last_part in chain(zip(whole, repeat(False)), zip(last, repeat(True))):
            path = Path(os.path.normpath(place))  # as it will be opened
            taken = by_last_part and self.access.granted.get(path, name) != name
            if not taken and _is_file(path) and self.access.allows(path, *roots):
                self.access.granted.setdefault(path, name)
                return path
        return Path(os.path.normpath(folder / posix)) if ".." in posix else Path(posix)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"without {error}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
