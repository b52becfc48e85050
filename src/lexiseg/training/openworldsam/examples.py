"""What an adapter learns from: pictures, the texts that may be asked about them, and the masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from lexiseg.datasets.annotation import Row, telling
from lexiseg.datasets.sample import Picture
from lexiseg.errors import DatasetError, LexisegError, in_one_line
from lexiseg.io.image import image_size
from lexiseg.types import Mask

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Wanted:
    """A text and what it means in a picture.

    Attributes:
        texts: wordings, of which one is asked at a time: a name, or sentences about one object.
        masks: every object meant, at the size of the picture; none where the text means nothing.
    """

    texts: tuple[str, ...]
    masks: tuple[Mask, ...]


@dataclass(frozen=True)
class Example:
    """One picture.

    Attributes:
        id: unique within its data.
        image: a path, or (H, W, 3) uint8 RGB.
        size_hw: (H, W) in pixels.
        wanted: what can be asked.
        absent: names that are certainly not in the picture.
    """

    id: str
    image: Picture
    size_hw: tuple[int, int]
    wanted: tuple[Wanted, ...]
    absent: tuple[str, ...] = ()


class Examples(Protocol):
    """A lazy sequence of examples; one that cannot be read raises a `LexisegError`."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Example: ...


@dataclass(frozen=True)
class Asking:
    """A text of a file with the rows of its masks, which are not made yet.

    Attributes:
        texts: wordings.
        rows: annotations or segments.
        joined: whether they are one object, or one each.
    """

    texts: tuple[str, ...]
    rows: tuple[Row, ...]
    joined: bool = False


@dataclass(frozen=True)
class PictureRow:
    """What a file says about one picture.

    Attributes:
        id: number of the picture as text.
        image: where it lies.
        size_hw: (height, width) as stated.
        asking: texts in the order of their categories, or of the file.
        named: names that may be in the picture, learned from or not; None where a data set does
            not say which names are absent.
        source: what the masks are read from, for data sets that keep them in a file per picture.
    """

    id: str
    image: Path
    size_hw: tuple[int, int]
    asking: tuple[Asking, ...]
    named: frozenset[str] | None = None
    source: Path | None = None


MakeMasks = Callable[[PictureRow], list[tuple[Mask, ...]]]


@dataclass(frozen=True)
class FileExamples(Sequence[Example]):
    """The pictures of an annotation file; masks are made when one is indexed.

    Attributes:
        file: the annotation file.
        rows: pictures from which something can be learned.
        make: row -> masks of each of its texts.
        names: all names of the data set; none for sentences.
        complaints: a sentence for everything that was left out.
    """

    file: Path
    rows: Sequence[PictureRow] = field(repr=False)
    make: MakeMasks = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    complaints: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        row = self.rows[index]
        with telling(self.file, f"image {row.id}"):
            made = zip(row.asking, self.make(row), strict=True)
            wanted = tuple(
                Wanted(asking.texts, kept)
                for asking, masks in made
                if (kept := tuple(mask for mask in masks if mask.area)) or not asking.rows
            )
        absent = () if row.named is None else tuple(n for n in self.names if n not in row.named)
        return Example(row.id, row.image, row.size_hw, wanted, absent)


@dataclass(frozen=True)
class JoinedExamples(Sequence[Example]):
    """Several data sets one after the other; each example's id tells which it is of."""

    parts: tuple[Sequence[Example], ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        for part in self.parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(index)


class Complaints:
    """Gathers a sentence for every record that is left out."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sentences: list[str] = []

    def add(self, entry: str, reason: object) -> None:
        """Note that an entry is left out.

        Args:
            entry: which one, e.g. "annotation 7".
            reason: why.
        """
        text = in_one_line(reason).rstrip(".")
        named = text if str(self.file) in text else f"{self.file}, {entry}: {text}"
        self.sentences.append(f"{named}; it is left out.")

    def kept(self, entry: str, read: Callable[[], ValueT]) -> ValueT | None:
        """What a function reads, or None, noted, where it cannot."""
        try:
            with telling(self.file, entry):
                return read()
        except DatasetError as error:
            self.add(entry, error)
            return None


def sound_pictures(rows: Sequence[PictureRow], complaints: Complaints) -> tuple[PictureRow, ...]:
    """Those rows whose picture is there, can be opened, and has the stated size.

    Only the heads of the files are read.
    """
    return tuple(row for row in rows if _is_sound(row, complaints))


def _is_sound(row: PictureRow, complaints: Complaints) -> bool:
    try:
        found = image_size(row.image)
    except LexisegError as error:
        complaints.add(f"image {row.id}", error)
        return False
    if found != row.size_hw:
        stated, real = (f"{size[1]}x{size[0]}" for size in (row.size_hw, found))
        complaints.add(f"image {row.id}", f"{row.image.name} is {real}, not {stated} as stated")
        return False
    return True


def group_rows(rows: Sequence[Row], key: str) -> Mapping[object, list[Row]]:
    """Rows by one of their values, in the order of the file."""
    grouped: dict[object, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row[key], []).append(row)
    return grouped


FOLDERS = ("", "images", "JPEGImages", "{}", "images/{}", "images/train2014", "train2014")


def picture_folder(file: Path, images: Sequence[Row], given: Path | None) -> Path:
    """Where the pictures of an annotation file lie: as given, or in the usual places beside it.

    Args:
        file: the annotation file.
        images: rows with ``file_name``.
        given: by the user.

    Raises:
        DatasetError: they are in none of these places.
    """
    if given is not None:
        return given
    names = [str(row["file_name"]) for row in images[:20] if "file_name" in row]
    split = file.stem.split("_", 1)[-1]  # train2017 of instances_train2017.json
    above = (file.parent, file.parent.parent, file.parent.parent.parent)
    places = [base / folder.format(split) for base in above for folder in FOLDERS]
    found = next((p for p in places if any((p / name).is_file() for name in names)), None)
    if found is None:
        raise DatasetError(
            f"The pictures of {file}, the first is {''.join(names[:1])[:80]!r}, were not found "
            "beside it nor in a folder images, JPEGImages or train2017; give their folder with "
            "--images."
        )
    return found
