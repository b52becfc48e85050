"""Everything lexiseg raises on purpose.

::

    LexisegError
    ├── UsageError              a wrong call: unknown name, empty prompt, bad option
    │   └── UnknownNameError    a registry has no entry of that name
    ├── ImageError              a picture that cannot be read
    ├── OutputError             a file that cannot or must not be written
    ├── DatasetError            a data set that is absent or not in its published layout
    ├── WeightsNotFoundError    weights that are neither local nor cached
    ├── CheckpointError         weights that do not fit the network
    └── MissingExtraError       an optional package that is not installed

Each message is one sentence that says what was given, what is expected and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def in_one_line(text: object) -> str:
    """A text from elsewhere as it may stand in a sentence: one line, no control characters.

    Example:
        >>> in_one_line(ValueError("two\\nlines \\x1b[31m"))
        'two lines ?[31m'
    """
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


class LexisegError(Exception):
    """Base of every error a user can cause."""


class UsageError(LexisegError):
    """The call itself is wrong."""


class UnknownNameError(UsageError):
    """A name that nothing is registered under.

    Args:
        kind: what it should name, e.g. "option".
        name: as given.
        known: what could have been given.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        self.kind, self.name, self.known = kind, str(name), tuple(choices)
        near = get_close_matches(str(name), choices, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "choose one of them."
        listed = ", ".join(choices) or "none"
        super().__init__(f"Unknown {kind} {str(name)[:80]!r}; known: {listed}; {hint}")


class ImageError(LexisegError):
    """A picture that cannot be read."""


class OutputError(LexisegError):
    """A result that cannot be written."""


class DatasetError(LexisegError):
    """A data set that is missing or not laid out as published."""


class WeightsNotFoundError(LexisegError):
    """Weights that are neither in the given place nor in the hub's cache."""


class CheckpointError(LexisegError):
    """Weights whose keys or shapes do not fit."""


class MissingExtraError(LexisegError):
    """An optional package that the request needs."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional package; run: pip install 'lexiseg[{extra}]'")
