"""Pictures and folders by address: whatever fsspec opens, such as ``s3://bucket/photos``."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import cast

import fsspec
from fsspec import AbstractFileSystem

from lexiseg.errors import ImageError, LexisegError, UsageError, in_one_line
from lexiseg.io.image import SUFFIXES
from lexiseg.io.list_file import entry_text
from lexiseg.io.listing import list_images


def is_address(text: str) -> bool:
    """Whether a text names a place by its protocol; all others are paths of this machine.

    Example:
        >>> is_address("s3://bucket/a.jpg"), is_address("photos/a.jpg")
        (True, False)
    """
    return "://" in text


def open_store(address: str) -> tuple[AbstractFileSystem, str]:
    """What fsspec reaches a place with, and what it calls the place.

    Args:
        address: of a file or a folder; a path of this machine is taken as one, too.

    Raises:
        UsageError: no package is installed for its protocol, or there is none of that name.
    """
    try:
        store, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        hint = " (pip install 'lexiseg[s3]')" if address.startswith("s3") else ""
        raise UsageError(
            f"{address[:200]} cannot be reached: {in_one_line(error)}{hint}."
        ) from error
    return store, str(path)


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Say in one sentence what a store of files has raised, whatever its package calls it.

    Raises:
        LexisegError: this sentence.
    """
    try:
        yield
    except LexisegError:
        raise
    except Exception as error:  # packages of stores have hundreds of errors of their own
        what = in_one_line(error) or type(error).__name__
        raise UsageError(
            f"{address[:200]} cannot be used ({what}); check the address and what this account "
            "may do there."
        ) from error


def read_address(address: str) -> bytes:
    """The content of a file.

    Raises:
        ImageError: it is not there.
        UsageError: its store cannot be reached.
    """
    store, path = open_store(address)
    try:
        with reaching(address):
            return cast("bytes", store.cat_file(path))
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ImageError(f"{address} does not exist; check the address.") from error
        raise


def fetch(address: str, folder: Path) -> Path:
    """Copy a file, or a folder with all below it, to this machine.

    Args:
        address: of the file or folder.
        folder: where the copy goes, under its own name.

    Returns:
        The copy.

    Raises:
        UsageError: it is not there, or its store cannot be reached.
    """
    store, path = open_store(address)
    copy = folder / (PurePosixPath(path).name or "root")
    with reaching(address):
        if not store.exists(path):
            raise UsageError(f"{address[:200]} does not exist; check the address.")
        store.get(path.rstrip("/"), str(copy), recursive=store.isdir(path))
    return copy


def list_addresses(inputs: Sequence[str]) -> list[str]:
    """Expand folders, patterns and list files into pictures, each once.

    Args:
        inputs: addresses of pictures, of folders with all below them, patterns such as
            ``"s3://bucket/*.jpg"``; ``.txt`` files with an address per line; paths of this
            machine as for `lexiseg.io.listing.list_images`.

    Raises:
        ImageError: a folder, pattern or list holds no picture.
        UsageError: a store cannot be reached.
    """
    found: dict[str, None] = {}
    for text in inputs:
        found.update(dict.fromkeys(_expand(text)))
    if not found:
        list_images(list(inputs))  # says what is missing
    return list(found)


def _expand(text: str) -> Iterable[str]:
    if not is_address(text):
        entries = _entries_of(Path(text)) if text.lower().endswith(".txt") else []
        if any(map(is_address, entries)):
            return [each for entry in entries for each in _expand(entry)]
        return map(str, list_images([text]))
    if text.lower().endswith(".txt"):
        listed = _entries(read_address(text).decode("utf-8-sig", "replace"))
        return _some([each for entry in listed for each in _expand(entry)], text)
    store, path = open_store(text)
    with reaching(text):
        if glob.has_magic(path):
            paths = store.glob(path)
        elif store.isdir(path):
            paths = store.find(path)
        else:
            return [text]
    pictures = sorted(each for each in paths if PurePosixPath(each).suffix.lower() in SUFFIXES)
    return _some([str(store.unstrip_protocol(each)) for each in pictures], text)


def _entries_of(path: Path) -> list[str]:
    try:
        return _entries(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return []  # `list_images` says why


def _entries(text: str) -> list[str]:
    return [entry for line in text.splitlines() if (entry := entry_text(line)) is not None]


def _some(found: list[str], what: str) -> list[str]:
    if not found:
        raise ImageError(f"{what[:200]} holds no picture; expected files such as .jpg or .png.")
    return found
