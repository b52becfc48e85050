"""What the user asks for: names, each with one or more wordings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lexiseg.errors import UnknownNameError, UsageError


@dataclass(frozen=True)
class Vocabulary:
    """Class names in the order asked, each with the wordings that stand for it.

    Args:
        names: labels that come back exactly as they were given.
        wordings: for each name the texts shown to the model; several of them are aliases that
            compete as one class.
        cutoffs: for each name the least score, 0..1, of its regions; empty for none. The method's
            own thresholds hold as well, so that a cut-off can only refuse more.
        against: further names that compete for the picture and are not reported.
        excluded: the same, and what their regions cover is cut out of the regions of others.

    Example:
        >>> Vocabulary.parse({"couch": "sofa", "settee": "sofa", "dog": "dog"}).wordings
        (('couch', 'settee'), ('dog',))
        >>> Vocabulary.parse("dog, red car").names
        ('dog', 'red car')
        >>> Vocabulary.parse("dog", against="cat, dog, fox", cutoffs={"dog": 0.6}).against
        ('cat', 'fox')
    """

    names: tuple[str, ...]
    wordings: tuple[tuple[str, ...], ...]
    cutoffs: tuple[float, ...] = ()
    against: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        given: Names,
        *,
        cutoffs: Mapping[str, float] | None = None,
        against: str | Iterable[str] = (),
        excluded: str | Iterable[str] = (),
    ) -> Vocabulary:
        """Read names from a comma list, an iterable, or a mapping from alias to class name.

        Names that read the same (spacing, case, underscores) are merged with a warning.

        Args:
            given: the names; a vocabulary stays as it is, but for what else is given.
            cutoffs: name -> least score of its regions, 0..1.
            against: names that compete without being reported; those also asked are left out.
            excluded: names whose regions are cut out of the others.

        Raises:
            UsageError: no names, a blank name, something that is not text, a cut-off outside 0 to
                1 or of a name that is not asked, or a name both asked and excluded.
        """
        asked = given if isinstance(given, Vocabulary) else cls._collect(_pairs(given))
        if not (cutoffs or against or excluded):
            return asked
        out = tuple(_text(name) for name in _entries(excluded))
        both = set(out) - set(rivals(out, asked.texts))
        if both:
            raise UsageError(f"Name {min(both)!r} is asked and excluded; choose one.")
        return cls(
            asked.names,
            asked.wordings,
            asked._limits(cutoffs) if cutoffs else asked.cutoffs,
            rivals(map(_text, _entries(against)), (*asked.texts, *out)) or asked.against,
            rivals(out, asked.texts) or asked.excluded,
        )

    def _limits(self, cutoffs: Mapping[str, float]) -> tuple[float, ...]:
        for name, limit in cutoffs.items():
            if name not in self.names:
                raise UnknownNameError("name with a cut-off", name, self.names)
            if not isinstance(limit, int | float) or not 0 <= limit <= 1:
                raise UsageError(f"The cut-off of {name!r} is {limit!r}; expected 0 to 1.")
        return tuple(float(cutoffs.get(name, 0)) for name in self.names)

    @property
    def limits(self) -> tuple[float, ...]:
        """The cut-off of every name, 0 where there is none."""
        return self.cutoffs or (0.0,) * len(self.names)

    @property
    def competing(self) -> Vocabulary:
        """All names that compete for the picture, as equals."""
        silent = (*self.against, *self.excluded)
        wordings = tuple((_wording(name),) for name in silent)
        return Vocabulary((*self.names, *silent), (*self.wordings, *wordings))

    @property
    def company(self) -> str:
        """Among how many names a verdict falls, in words."""
        others, silent = len(self.names) - 1, len(self.against) + len(self.excluded)
        together = f"asked with {others} other{'s' * (others > 1)}" if others else "asked alone"
        return f"{together} against {silent} more" if silent else together

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


def split_cutoff(text: str) -> tuple[str, float | None]:
    r"""A name and the cut-off behind its last colon, if a number with a decimal point is there.

    Names that end so are written with ``\:``.

    Raises:
        UsageError: the number is above 1.

    Example:
        >>> split_cutoff("dog:0.6"), split_cutoff("ratio 3:1"), split_cutoff(r"at 12\:0.5")
        (('dog', 0.6), ('ratio 3:1', None), ('at 12:0.5', None))
    """
    found = re.fullmatch(r"(.*\S)\s*(?<!\\):\s*(\d*\.\d+)\s*", text, re.DOTALL)
    if not found:
        return re.sub(r"\\:(?=\s*\d*\.\d+\s*$)", ":", text), None
    name, limit = found[1], float(found[2])
    if limit > 1:
        raise UsageError(
            f"The cut-off of {name!r} is {found[2]}; expected 0 to 1, or \\: where the name has a "
            "colon."
        )
    return name, limit


def _entries(given: str | Iterable[str]) -> Iterable[str]:
    return split_comma_list(given) if isinstance(given, str) else given


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
