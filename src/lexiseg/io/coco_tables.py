"""The tables of a COCO file: its pictures and categories by number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lexiseg.io.image import shown
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.types import Category, Instance, Number

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")

Entry = Mapping[str, object]

NO_CATEGORY = "object"
"""Label of a region whose entry names no category."""


@dataclass(frozen=True)
class Picture:
    """One picture of the table.

    Args:
        number: as the file has it.
        title: how messages call it.
        entry: what the file says of it.
    """

    number: Number
    title: str
    entry: Entry

    @property
    def file_name(self) -> str | None:
        """The picture as the file names it, if it does."""
        name = self.entry.get("file_name")
        return name if isinstance(name, str) and name else None


@dataclass(frozen=True)
class Tables:
    """Pictures and categories of one file.

    Args:
        pictures: by `key_of` their number, in the file's order.
        names: of categories, by `key_of` their number.
        categories: by name, as they are written again.
    """

    pictures: Mapping[Number, Picture]
    names: Mapping[Number, str]
    categories: Mapping[str, Category]

    @classmethod
    def parse(cls, data: Entry, file: Path, context: ReadContext) -> Tables:
        """Read the tables; what is odd in them costs its own entry only.

        Raises:
            ValueError: there is no table of pictures.
        """
        pictures = _pictures(data, file, context)
        names, categories = _categories(data, file, context)
        return cls(pictures, names, categories)

    def name_of(self, number: object) -> str:
        """The category of a region.

        Raises:
            EntryError: the file's table does not have it.
        """
        if number is None:
            return NO_CATEGORY
        key = key_of(number)
        if key in self.names:
            return self.names[key]
        if self.names:
            raise EntryError("unknown category", f"number {number}")
        return f"category {number}"

    def asked(self, picture: Picture, found: Iterable[Instance]) -> list[str]:
        """Names found or refused in a picture, in the order of the table."""
        known = {*self.refused(picture), *(item.label for item in found)}
        return [name for name in self.categories if name in known]

    def refused(self, picture: Picture) -> list[str]:
        """Names that the file says are not in a picture, by LVIS's ``neg_category_ids``."""
        listed = picture.entry.get("neg_category_ids")
        numbers = listed if isinstance(listed, list) else []
        keys = [key_of(number) for number in numbers if isinstance(number, int | float | str)]
        return [self.names[key] for key in keys if key in self.names]


def is_crowd(entry: Entry) -> bool:
    """Whether a region is marked as a crowd, in number or in text."""
    flag = entry.get("iscrowd")
    return flag.lower() not in ("", "0", "false") if isinstance(flag, str) else bool(flag)


def key_of(number: object) -> Number:
    """A number of a picture or category as it is compared: 7, 7.0 and "7" are the same.

    Raises:
        EntryError: it is neither a whole number nor text.
    """
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if isinstance(number, str) and number:
        return int(number) if _WHOLE.fullmatch(number) else number
    raise EntryError("entry without a number", f"got {number!r:.40}")


def entries_of(table: object, noun: str) -> Iterator[tuple[str, object]]:
    """The entries of a list, each with the words that messages use for it.

    Raises:
        ValueError: it is no list.
    """
    if table is None:
        return
    if not isinstance(table, list):
        raise ValueError(f"expected a list of {noun}s")
    for position, entry in enumerate(table):
        number = entry.get("id") if isinstance(entry, dict) else None
        usable = isinstance(number, int | str) and number != ""
        yield f"{noun} {number}" if usable else f"{noun} at place {position}", entry


def as_entry(value: object) -> Entry:
    """One entry of a list.

    Raises:
        EntryError: it is no object.
    """
    if not isinstance(value, dict):
        raise EntryError("entry that is no object", f"a {type(value).__name__}")
    return value


def _pictures(data: Entry, file: Path, context: ReadContext) -> dict[Number, Picture]:
    if "images" not in data:
        raise ValueError("no list of images")
    pictures: dict[Number, Picture] = {}
    for title, value in entries_of(data["images"], "image"):
        with context.entry(file, title, "picture"):
            entry = as_entry(value)
            key = key_of(entry.get("id"))
            if key in pictures:
                raise EntryError("number given twice")
            pictures[key] = Picture(_written(entry["id"]), title, entry)
    return pictures


def _categories(
    data: Entry, file: Path, context: ReadContext
) -> tuple[dict[Number, str], dict[str, Category]]:
    names: dict[Number, str] = {}
    categories: dict[str, Category] = {}
    for title, value in entries_of(data.get("categories"), "category"):
        with context.entry(file, title, "category"):
            entry = as_entry(value)
            key = key_of(entry.get("id"))
            name = str(entry["name"]) if entry.get("name") not in (None, "") else f"category {key}"
            if names.get(key, name) != name:
                raise EntryError("number given twice", f"{names[key]!r} keeps it")
            if name in categories and key not in names:
                context.report.note(f"{shown(file)}: {title} is named {name!r} too; they merge.")
            names[key] = name
            categories.setdefault(name, _category(entry))
    return names, categories


def _category(entry: Entry) -> Category:
    group = entry.get("supercategory")
    thing = bool(entry.get("isthing", True))
    return Category(_written(entry["id"]), group if isinstance(group, str) else "", thing)


def _written(number: object) -> Number:
    """A number as the file has it, without a fraction of zero."""
    return number if isinstance(number, str) else key_of(number)
