"""Lists of words from a file, a bundled name or the caller."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from lexiseg.errors import UsageError

Words: TypeAlias = str | Path | tuple[str, ...]

DATA = "data"


def bundled_lists() -> tuple[str, ...]:
    """Names of the lists that come with lexiseg.

    Example:
        >>> bundled_lists()
        ('attributes', 'everyday', 'miniworld', 'miniworld-attributes', 'stop')
    """
    folder = resources.files(__package__).joinpath(DATA)
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir()))


def read_words(source: Words) -> tuple[str, ...]:
    """Read words, each once.

    Args:
        source: name of a bundled list, path of a UTF-8 text file with one entry per line (lines
            that begin with # are comments), or the words themselves.

    Returns:
        The entries in their order: runs of blanks, underscores and what cannot be printed are one
        blank; entries that differ in case alone count once.

    Raises:
        UsageError: no such file, or not such text.

    Example:
        >>> read_words(("dog", "traffic_light", " Dog "))
        ('dog', 'traffic light')
    """
    lines = source if isinstance(source, tuple) else _lines(source)
    return _distinct(_tidy(line) for line in lines)


def _lines(source: str | Path) -> list[str]:
    if str(source) in bundled_lists():
        text = resources.files(__package__).joinpath(DATA, f"{source}.txt").read_text("utf-8")
    else:
        text = _read_file(Path(source).expanduser())
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"Word list {str(path)[:200]!r} is no readable file ({error.strerror}) and none of "
            f"the bundled lists: {', '.join(bundled_lists())}."
        ) from error
    except ValueError as error:  # not UTF-8, or a path with a zero byte
        raise UsageError(
            f"Word list {str(path)[:200]!r} is not UTF-8 text with one entry per line."
        ) from error


def _tidy(line: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in line)
    return " ".join(printable.replace("_", " ").split())


def _distinct(entries: Iterable[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for entry in entries:
        if entry:
            first.setdefault(entry.casefold(), entry)
    return tuple(first.values())
