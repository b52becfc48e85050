"""What the user asks for: names, each with one or more wordings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lexiseg.errors import UsageError


@dataclass(frozen=True)
class Vocabulary:
    """Class names in the order asked, each with the wordings that stand for it.

    Args:
        names: labels that come back exactly as they were given.
        wordings: for each name the texts shown to the model; several of them are aliases that
            compete as one class.

    Example:
        >>> Vocabulary.parse({"couch": "sofa", "settee": "sofa", "dog": "dog"}).wordings
        (('couch', 'settee'), ('dog',))
        >>> Vocabulary.parse("dog, red car").names
        ('dog', 'red car')
    """

    names: tuple[str, ...]
    wordings: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, given: Names) -> Vocabulary:
        """Read names from a comma list, an iterable, or a mapping from alias to class name.

        Names that read the same (spacing, case, underscores) are merged with a warning.

        Raises:
            UsageError: no names, a blank name, or something that is not text.
        """
        if isinstance(given, Vocabulary):
            return given
        return cls._collect(_pairs(given))

    @classmethod
    def _collect(cls, pairs: Iterable[tuple[str, str]]) -> Vocabulary:
        grouped: dict[str, tuple[str, dict[str, str]]] = {}
        for alias, name in pairs:
            wording, key = _wording(alias), _wording(name).casefold()
            _, wordings = grouped.setdefault(key, (name, {}))
            if wording.casefold() in wordings:
                warnings.warn(
                    f"Name {alias[:80]!r} was given twice; it is used once.", stacklevel=4
                )
            wordings.setdefault(wording.casefold(), wording)
        if not grouped:
            raise UsageError("No names were given; name at least one thing to look for.")
        names = tuple(label for label, _ in grouped.values())
        return cls(names, tuple(tuple(texts.values()) for _, texts in grouped.values()))

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that stands for a name: the names and all their wordings."""
        return (*self.names, *(text for own in self.wordings for text in own))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


# A comma list, texts, alias -> name, or all that already read.
Names: TypeAlias = str | Iterable[str] | Mapping[str, str] | Vocabulary


def rivals(background: Iterable[str], asked: Iterable[str]) -> tuple[str, ...]:
    """The background words that may compete with what is asked: those that nobody asked for.

    Case, spacing and underscores do not matter; each word comes once.

    Args:
        background: words for what is not asked.
        asked: all texts that stand for asked names.

    Example:
        >>> rivals(["SKY", "wall", "sofa"], Vocabulary.parse({"couch": "sofa", "sky": "Sky"}).texts)
        ('wall',)
    """
    taken = {_wording(text).casefold() for text in asked}
    return tuple(w for w in dict.fromkeys(background) if _wording(w).casefold() not in taken)


def split_comma_list(text: str) -> list[str]:
    r"""Split ``"dog, red car"`` at its commas; ``"\,"`` keeps one.

    Raises:
        UsageError: an empty entry between two commas.
    """
    entries = [part.replace("\\,", ",").strip() for part in re.split(r"(?<!\\),", text)]
    if len(entries) > 1 and not entries[-1]:
        entries.pop()
    return entries


def _pairs(given: str | Iterable[str] | Mapping[str, str]) -> list[tuple[str, str]]:
    if isinstance(given, Mapping):
        return [(_text(alias), _text(name)) for alias, name in given.items()]
    entries = split_comma_list(given) if isinstance(given, str) else given
    try:
        return [(_text(name), name) for name in entries]
    except TypeError as error:
        raise UsageError(
            f"Names were given as {type(given).__name__}; expected text, a list of texts or a "
            "mapping from alias to name."
        ) from error


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise UsageError(f"A name must be text; got {name!r}.")
    if not _wording(name):
        raise UsageError("A name is empty or blank; give each name at least one visible character.")
    return name


def _wording(name: str) -> str:
    """The text shown to the model: underscores and runs of blanks are one blank."""
    printable = "".join(c if c.isprintable() or c.isspace() else " " for c in name)
    return " ".join(printable.replace("_", " ").split())
