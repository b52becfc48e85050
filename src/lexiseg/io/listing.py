"""Which pictures are meant by files, folders, patterns and list files."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lexiseg.errors import ImageError
from lexiseg.io.image import SUFFIXES, refuse_web_address, shown
from lexiseg.io.list_file import entry_path
from lexiseg.io.manifest import Manifest, RunOutputs
from lexiseg.io.record import RECORDS


def list_images(inputs: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> list[Path]:
    """Expand folders, patterns and list files into picture paths.

    Args:
        inputs: picture files; folders, searched with all their subfolders, linked ones too,
            except hidden ones and those that hold the results of an earlier run (a subfolder
            that cannot be opened is a warning); patterns such as ``"photos/*.jpg"``; ``.txt``
            files with one path per line, relative to the list or to the working folder, blank
            lines and ``#`` comments left out.

    Returns:
        Every picture once: in the order given, the contents of a folder or pattern sorted. A
        plain file is listed even if it is missing, so that reading it can report it. What a run
        wrote (its ``files.txt`` says so) is left out, however it was named.

    Raises:
        ImageError: nothing was given, or a folder, pattern or list has no picture.
    """
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if not given:
        raise ImageError("No picture was given; name a file, a folder, a pattern or a list file.")
    unique: dict[str, Path] = {}
    for entry in given:
        for path in _expand(os.fspath(entry)):
            unique.setdefault(os.path.normpath(Path.cwd() / path), path)
    outputs = RunOutputs()
    photos = [path for place, path in unique.items() if not outputs.hold(Path(place))]
    if not photos:
        first = shown(next(iter(unique.values())))
        raise ImageError(f"{first} was written by a run of lexiseg; name the pictures it was for.")
    return photos


def _expand(text: str) -> Iterable[Path]:
    refuse_web_address(text)
    if not text.strip():
        raise ImageError("A picture's name is empty; name a file, a folder or a pattern.")
    path = Path(text)
    try:
        if path.is_dir():
            return _found(sorted(_pictures_below(path)), f"Folder {shown(path)}")
        if path.suffix.lower() == ".txt" and path.is_file():
            return _found(list(_listed(path)), f"List file {shown(path)}")
        if any(character in text for character in "*?[") and not path.exists():
            return _found(_matches(text), f"Pattern {text[:200]!r}")
    except (OSError, ValueError):
        return [path]
    return [path]


def _found(paths: list[Path], what: str) -> list[Path]:
    if not paths:
        raise ImageError(f"{what} holds no picture; expected files such as .jpg or .png.")
    return paths


def _pictures_below(folder: Path) -> Iterator[Path]:
    for below, names in walk_visible(folder, _hides_outputs):
        yield from (below / name for name in names if (below / name).suffix.lower() in SUFFIXES)


def _hides_outputs(folder: Path, names: list[str]) -> bool:
    """Whether a folder holds results that do not say which files are theirs."""
    return RECORDS in names and not Manifest(folder).exists


def walk_visible(
    folder: Path, leave_out: Callable[[Path, list[str]], bool] = lambda *_: False
) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below it, each once and with its files, none hidden, in order.

    Own folders come first; links are followed afterwards, to what is new. A folder that cannot
    be opened is a warning.

    Args:
        folder: where to begin.
        leave_out: from a subfolder and its files, whether it is left out with all below it.
    """
    entered: set[Path] = set()
    waiting = [folder]
    while waiting:
        for here, folders, names in os.walk(waiting.pop(0), onerror=_tell_closed):
            below, place = Path(here), Path(here).resolve()
            if place in entered or (below != folder and leave_out(below, names)):
                folders.clear()
                continue
            entered.add(place)
            folders[:] = [name for name in sorted(folders) if not name.startswith(".")]
            waiting += (below / name for name in folders if (below / name).is_symlink())
            yield below, [name for name in sorted(names) if not name.startswith(".")]


def _tell_closed(error: OSError) -> None:
    warnings.warn(
        f"Folder {shown(Path(error.filename))} cannot be searched ({error.strerror}); its "
        "pictures are left out.",
        stacklevel=2,
    )


def _matches(pattern: str) -> list[Path]:
    # Path.glob takes no absolute patterns.
    paths = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    return [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]


def _listed(path: Path) -> Iterator[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ImageError(f"List file {shown(path)} is not UTF-8 text.") from error
    for entry in filter(None, map(entry_path, lines)):
        beside = path.parent / entry
        yield beside if beside.exists() else entry
