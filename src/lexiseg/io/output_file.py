"""How a file is written: all or nothing, and never over another by accident."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lexiseg.errors import OutputError

PART = ".lexiseg-part-"
"""How the names of files begin that are not complete yet."""


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise if a file is there and may not be replaced.

    Raises:
        OutputError: naming the file and the option.
    """
    try:
        taken = not overwrite and os.path.lexists(path)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be written ({error}); choose another name.") from error
    if taken:
        raise OutputError(
            f"{path} exists already; choose another folder or name, or allow overwrite "
            "(overwrite=True, --overwrite)."
        )


@contextmanager
def open_output(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a binary file that appears under its name only once it is complete.

    The bytes go to a temporary file in the same folder, which then takes the name in one step;
    an error or an interruption leaves what was there before.

    Raises:
        OutputError: the file exists already, or cannot be written.
    """
    refuse_existing(path, overwrite)
    part = path.parent / f"{PART}{uuid.uuid4().hex[:12]}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            yield stream
        refuse_existing(path, overwrite)
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"{path} cannot be written ({reason}); choose a folder that allows it and has room."
        ) from error
    finally:
        _discard(part)


def _discard(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:  # the folder itself is missing or closed; the first error says so
        return


def write_bytes(path: Path, content: bytes, *, overwrite: bool = True) -> Path:
    """Write one binary file in one step."""
    with open_output(path, overwrite=overwrite) as stream:
        stream.write(content)
    return path


def write_text(path: Path, text: str, *, overwrite: bool = True) -> Path:
    """Write one UTF-8 text file in one step."""
    return write_bytes(path, text.encode("utf-8", "surrogatepass"), overwrite=overwrite)


def json_text(value: object, indent: int | None = None) -> str:
    """JSON with readable letters of every script; escaped where UTF-8 cannot hold the text.

    Example:
        >>> json_text({"name": "犬"})
        '{"name": "犬"}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
