"""List files: one picture a line, whatever it is called."""

from __future__ import annotations

import json
import os
from pathlib import Path


def list_entry(path: Path) -> str:
    r"""The line that names a picture.

    A name that a plain line cannot hold (blanks around it, line breaks, bytes that are no UTF-8,
    a ``#`` or quote at its beginning) is written as a JSON string.

    Example:
        >>> print(list_entry(Path("a.jpg")), list_entry(Path("#1.jpg")))
        a.jpg "#1.jpg"
    """
    text = os.fspath(path)
    plain = text == text.strip() and text[:1] not in '#"' and len(text.splitlines()) == 1
    return text if plain and _is_utf8(text) else json.dumps(text)


def entry_text(line: str) -> str | None:
    """What a line names, a path or an address; None for a blank line and a comment."""
    entry = line.strip()
    if not entry or entry.startswith("#"):
        return None
    if entry.startswith('"'):
        try:
            return str(json.loads(entry))
        except ValueError:  # a name that begins with a quote, in a list of another program
            return entry
    return entry


def entry_path(line: str) -> Path | None:
    """The picture a line names; None for a blank line and a comment."""
    entry = entry_text(line)
    return None if entry is None else Path(entry)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
