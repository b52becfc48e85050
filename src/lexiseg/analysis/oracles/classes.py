"""The classes of a study: names with synonyms, things and stuff, seen in training or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.io.reading import Entry, MalformedFile, read_json
from lexiseg.types import Number

OTHER = "(another name)"
NO_CLASS = "invalid_class_id"
"""What published lists call numbers that stand for nothing."""


@dataclass(frozen=True)
class CaseClasses:
    """Classes in index order.

    Args:
        names: of each, all different.
        numbers: in files of truth and answers.
        is_thing: of each whether it is countable.
        synonyms: of each all its texts, the name included.
        seen: of each whether training knew it; empty where that is not told.
        other: whether the last class stands for all texts that are none of the truth's; it counts
            in no mean.
    """

    names: tuple[str, ...]
    numbers: tuple[Number, ...]
    is_thing: tuple[bool, ...]
    synonyms: tuple[tuple[str, ...], ...]
    seen: tuple[bool, ...] = ()
    other: bool = False

    @classmethod
    def of_names(cls, names: Sequence[str], *, things: bool = False, first: int = 0) -> CaseClasses:
        """Plain names, numbered in their order.

        Args:
            names: all different.
            things: they are countable.
            first: number of the first one.
        """
        numbers = tuple(range(first, first + len(names)))
        words = tuple(split_synonyms(name) for name in names)
        return cls(tuple(names), numbers, (things,) * len(names), words)

    @classmethod
    def parse(cls, categories: object) -> CaseClasses:
        """A table of categories as COCO's files have it, in the order of the numbers.

        Raises:
            ValueError: it is no such table, or two categories have one number or one name.
        """
        if not isinstance(categories, list) or not categories:
            raise ValueError("expected a list of categories")
        rows = sorted(categories, key=_order)
        numbers, names = [row["id"] for row in rows], [str(row["name"]) for row in rows]
        for what, values in (("number", numbers), ("name", names)):
            if twice := [one for one in values if values.count(one) > 1]:
                raise ValueError(f"two categories have the {what} {twice[0]!r:.60}")
        return cls(
            tuple(names),
            tuple(numbers),
            tuple(bool(row.get("isthing", 1)) for row in rows),
            tuple(_synonyms(row) for row in rows),
        )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def index(self) -> Mapping[Number, int]:
        """Number -> class index."""
        return {number: place for place, number in enumerate(self.numbers)}

    @cached_property
    def by_text(self) -> Mapping[str, int]:
        """Every text of a class -> its index; names go before synonyms, earlier classes first."""
        texts: dict[str, int] = {}
        for listed in ([(name,) for name in self.names], self.synonyms):
            for place, words in enumerate(listed):
                for word in words:
                    texts.setdefault(word.casefold(), place)
        return texts

    @property
    def things(self) -> NDArray[np.bool_]:
        """(C,) which are countable."""
        return np.array(self.is_thing, dtype=bool)

    def worded(self, lists: Mapping[Number | str, Sequence[str]]) -> CaseClasses:
        """The same classes with the synonyms of a list, by number or by name.

        Raises:
            UsageError: the list has none of the classes.
        """
        words = [
            lists.get(n, lists.get(name)) for n, name in zip(self.numbers, self.names, strict=True)
        ]
        if not any(words):
            raise UsageError(
                f"The list of synonyms has no class of the truth, such as {self.names[0]!r}; "
                "expected its numbers or names."
            )
        own = zip(self.names, self.synonyms, words, strict=True)
        merged = (
            tuple(dict.fromkeys((*given, name))) if given else old for name, old, given in own
        )
        return replace(self, synonyms=tuple(merged))

    def trained_on(self, vocabulary: Iterable[str]) -> CaseClasses:
        """Mark classes as seen if one of their texts is a text of the training vocabulary.

        The rule of FC-CLIP; case counts.
        """
        known = set(vocabulary)
        return replace(self, seen=tuple(not known.isdisjoint(words) for words in self.synonyms))

    def with_other(self) -> CaseClasses:
        """The same with a last class for all other texts."""
        return CaseClasses(
            (*self.names, OTHER),
            (*self.numbers, OTHER),
            (*self.is_thing, True),
            (*self.synonyms, ()),
            (*self.seen, False) if self.seen else (),
            other=True,
        )

    def chosen(self) -> Mapping[str, list[int]]:
        """Groups of classes that numbers are given for, by name."""
        kinds = {"things": self.is_thing, "stuff": [not thing for thing in self.is_thing]}
        if self.seen:
            kinds |= {"seen": self.seen, "unseen": [not seen for seen in self.seen]}
        counted = range(len(self) - self.other)
        groups = {name: [i for i in counted if flags[i]] for name, flags in kinds.items()}
        return {"all": list(counted), **{name: own for name, own in groups.items() if own}}


def split_synonyms(text: str) -> tuple[str, ...]:
    """The texts of a class that a list writes with commas.

    One space after a comma is left out, as FC-CLIP does.

    Example:
        >>> split_synonyms("couch, sofa,settee")
        ('couch', 'sofa', 'settee')
    """
    return tuple(part.removeprefix(" ") for part in text.split(","))


def read_vocabulary_file(path: Path) -> dict[Number | str, tuple[str, ...]]:
    """Classes with synonyms from a list: number or name -> texts.

    Lines ``7:couch,sofa`` as FC-CLIP publishes them, lines of names with commas, or JSON: a table
    of categories, a list of names, or a mapping from name to synonyms.

    Raises:
        UsageError: the file is absent or damaged.
    """
    if path.suffix == ".json":
        content = read_json(path)
        with MalformedFile(path, "a list of classes"):
            return _from_json(content)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)} cannot be read; expected UTF-8 text.") from error
    found: dict[Number | str, tuple[str, ...]] = {}
    for line in (line for line in lines if line.strip()):
        number, colon, names = line.partition(":")
        if colon and number.strip().isdigit():
            found[int(number)] = split_synonyms(names)
        else:
            words = split_synonyms(line.strip())
            found[words[0]] = words
    return {key: words for key, words in found.items() if words != (NO_CLASS,)}


def _from_json(content: object) -> dict[Number | str, tuple[str, ...]]:
    if isinstance(content, dict) and "categories" in content:
        content = content["categories"]
    if isinstance(content, dict):
        return {str(name): (str(name), *map(str, words)) for name, words in content.items()}
    if not isinstance(content, list):
        raise ValueError("expected a list or a mapping")
    if all(isinstance(entry, str) for entry in content):
        return {split_synonyms(entry)[0]: split_synonyms(entry) for entry in content}
    return {entry["id"]: _synonyms(entry) for entry in content}


def _synonyms(row: Entry) -> tuple[str, ...]:
    given = row.get("synonyms")
    words = map(str, given) if isinstance(given, list) else split_synonyms(str(row["name"]))
    return tuple(dict.fromkeys(words))


def _order(row: Entry) -> tuple[bool, Number]:
    """Numbers first, in their order, then those that are text."""
    return isinstance(row["id"], str), row["id"]
