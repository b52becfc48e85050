"""Finding the folders of a published layout, and saying where to get what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lexiseg.errors import DatasetError


@dataclass(frozen=True)
class FolderLayout:
    """How a data set lies on disk.

    Args:
        dataset: its name here.
        source: where people get it.
        expected: the folders and files, as a phrase.
        roots: sub-folders of the given folder that may hold it, e.g. ``VOCdevkit/VOC2012``.
    """

    dataset: str
    source: str
    expected: str
    roots: tuple[str, ...] = ()

    def error(self, data: Path) -> DatasetError:
        """The one sentence for a data set that is not there."""
        return DatasetError(
            f"Data set {self.dataset!r} was not found in {data}: expected {self.expected}; "
            f"get it from {self.source} and give its folder with --data."
        )

    def find(self, data: Path, *choices: str) -> Path:
        """The first of `choices` that exists below the folder or one of its `roots`.

        Raises:
            DatasetError: none does.
        """
        found = self.find_optional(data, *choices)
        if found is None:
            raise self.error(data)
        return found

    def find_optional(self, data: Path, *choices: str) -> Path | None:
        """As `find`, but None where nothing is there."""
        places = [data, *(data / root for root in self.roots)]
        candidates = (place / choice for place in places for choice in choices)
        return next((path for path in candidates if path.exists()), None)


def read_ids(path: Path) -> tuple[str, ...]:
    """Image ids of a split file: the first word of every line that has one.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"Split file {path} cannot be read ({error}).") from error
    return tuple(line.split()[0] for line in lines if line.strip())


def list_stems(folder: Path, suffixes: Sequence[str]) -> tuple[str, ...]:
    """Sorted file stems with one of the suffixes."""
    return tuple(sorted({p.stem for p in folder.iterdir() if p.suffix.lower() in suffixes}))
