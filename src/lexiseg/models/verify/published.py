"""What is published of checkpoints: files, look-alikes, values, and the pictures they need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from lexiseg.errors import UnknownNameError
from lexiseg.models.bundled import bundled_weights
from lexiseg.models.hub import checkpoints

DIGESTS = ("sha256", "sha512", "md5")


@dataclass(frozen=True)
class KnownFile:
    """A file as its authors publish it.

    Attributes:
        name: of the checkpoint in lexiseg.
        file: official name.
        license: of the weights.
        source: where the digests stand.
        bytes: size; None where unknown.
        sha256: hexadecimal digest; "" where unknown, as the other two.
        sha512: the same.
        md5: the same.
    """

    name: str
    file: str
    license: str
    source: str
    bytes: int | None = None
    sha256: str = ""
    sha512: str = ""
    md5: str = ""

    @property
    def digests(self) -> dict[str, str]:
        """Kind of digest -> what is published of it."""
        return {kind: getattr(self, kind) for kind in DIGESTS if getattr(self, kind)}


@dataclass(frozen=True)
class LookAlike:
    """A file that is taken for a checkpoint and is none."""

    sha256: str
    name: str
    what: str


@dataclass(frozen=True)
class KnownPicture:
    """A picture that values were published for.

    Attributes:
        files: names that it may have in the folder of pictures.
        where: to get it.
    """

    files: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class KnownValue:
    """What a checkpoint answered elsewhere.

    Attributes:
        name: of the checkpoint in lexiseg.
        kind: of check, a name of `lexiseg.models.verify.behaviour.KINDS`.
        check: what is asked, for people.
        expected: numbers.
        tolerance: how far found ones may lie from them.
        source: where they stand.
        relative: the same as a share of the expected number, on top.
        pictures: names of `PublishedTables.pictures`.
        inputs: texts, points, labels, a box.
    """

    name: str
    kind: str
    check: str
    expected: tuple[float, ...]
    tolerance: float
    source: str
    relative: float = 0.0
    pictures: tuple[str, ...] = ()
    inputs: Mapping[str, list[object]] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTables:
    """All of it."""

    files: tuple[KnownFile, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()
    pictures: Mapping[str, KnownPicture] = field(default_factory=dict)
    values: tuple[KnownValue, ...] = ()

    def files_of(self, name: str) -> list[KnownFile]:
        """The files of a checkpoint."""
        return [one for one in self.files if one.name == name]

    def values_of(self, name: str) -> list[KnownValue]:
        """The values of a checkpoint."""
        return [one for one in self.values if one.name == name]


@cache
def published_tables() -> PublishedTables:
    """Those that travel with the package."""
    return PublishedTables(
        tuple(KnownFile(**entry) for entry in _entries("files")),
        tuple(LookAlike(**entry) for entry in _entries("look_alikes")),
        {entry.pop("name"): KnownPicture(**entry) for entry in _entries("pictures")},
        tuple(KnownValue(**entry) for entry in _entries("behaviour")),
    )


def _entries(table: str) -> list[dict[str, Any]]:
    """Entries of a file of data; lists of theirs as tuples."""
    text = (resources.files(__package__) / "data" / f"{table}.json").read_text(encoding="utf-8")
    return [
        {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        for entry in json.loads(text)
    ]


def require_known(name: str, published: PublishedTables) -> None:
    """Check that a name is of a checkpoint.

    Raises:
        UnknownNameError: it is not.
    """
    names = {*checkpoints(), *bundled_weights(), *(one.name for one in published.files)}
    if name not in names:
        raise UnknownNameError("checkpoint", name, names)
