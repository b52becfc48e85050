"""One row per region: CSV files and pandas frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.io.coco import Categories, ImageNumbers
from lexiseg.io.coco_tables import key_of
from lexiseg.io.image import shown
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import MalformedFile, checked_size, finite_number, result_from_regions
from lexiseg.io.writer import Destination, collection_writer
from lexiseg.types import Category, Instance, Mask, Number, Origin, Result

_COLUMNS = (
    *("image", "image_height", "image_width", "label", "score"),
    *("x", "y", "width", "height", "area", "is_thing"),
)
_FILE_COLUMNS = ("kept", "image_id", "category_id", "rle_counts")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # spreadsheets would run such cells
_ESCAPE = "'"

Row = Mapping[str, str]


@collection_writer
def write_csv(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.csv``: a row per region with label, score, box, area, thing or stuff, and the mask.

    Boxes and areas are in pixels; ``is_thing`` is 1 for things and 0 for stuff. A name that was
    refused has a row with ``kept`` 0 and no box; a picture with neither has one without a label.
    Numbers of pictures and categories are those of COCO files; the last column holds COCO's
    compressed run lengths. A cell that a spreadsheet would take for a formula begins with ``'``.
    """
    path = destination.path(".csv")
    categories, numbers = Categories(), ImageNumbers()
    with destination.open(path) as stream:
        stream.write(_csv_line([*_COLUMNS, *_FILE_COLUMNS]))
        for result in results:
            categories.add(result)
            image_id = numbers.take(result)
            for row in _rows(result, image_id, categories.numbers):
                stream.write(_csv_line(row))
    return [path]


def _rows(
    result: Result, image_id: Number, numbers: Mapping[str, Number]
) -> Iterator[list[object]]:
    for item in result.instances:
        counts = item.mask.to_coco()["counts"]
        yield [*_row(result, item).values(), 1, image_id, numbers[item.label], counts]
    refused = [entry for entry in result.presence.values() if not entry.kept]
    blank = [""] * 6  # box, area and kind
    for entry in refused:
        name, score = entry.name, float(entry.score)
        yield [*_where(result), name, score, *blank, 0, image_id, numbers[name], ""]
    if not refused and not len(result.instances):
        yield [*_where(result), "", "", *blank, "", image_id, "", ""]


def _where(result: Result) -> tuple[str, int, int]:
    return (str(result.path) if result.path else "", *result.size_hw)


def _row(result: Result, item: Instance) -> dict[str, object]:
    region = (item.label, float(item.score), *item.mask.bbox, item.mask.area, int(item.is_thing))
    return dict(zip(_COLUMNS, (*_where(result), *region), strict=True))


def _csv_line(values: list[object]) -> bytes:
    line = io.StringIO()
    # With this line end the module quotes carriage returns inside cells too.
    csv.writer(line, lineterminator="\r\n").writerow([_escaped(value) for value in values])
    return line.getvalue().removesuffix("\r\n").encode("utf-8", "surrogatepass") + b"\n"


def _escaped(value: object) -> object:
    """A text cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    plain = value.lstrip(_ESCAPE)
    return _ESCAPE + value if plain.startswith(_FORMULA) else value


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith(_ESCAPE) and _escaped(cell) != cell else cell


def to_pandas(result: Result) -> object:
    """A pandas frame with one row per region: picture, label, score, box and area in pixels, kind.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("A pandas table", "tables") from error
    return pandas.DataFrame([_row(result, item) for item in result.instances], columns=_COLUMNS)


def read_csv(path: Path, context: ReadContext | None = None) -> Iterator[Result]:
    """Read a file of `write_csv`, one result per picture; its rows must stand together.

    Args:
        path: the file; the columns after ``is_thing`` except the masks may be missing.
        context: where pictures lie; its report tells which rows were left out.

    Raises:
        UsageError: the file is absent or has other columns.
    """
    context = context or ReadContext()
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogatepass")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)} cannot be read ({error}); check the path.") from error
    with MalformedFile(path, "a CSV file of regions"):
        csv.field_size_limit(2**31 - 1)  # a mask may be long
        table = csv.DictReader(io.StringIO(text, newline=""))
        needed = {"image", "image_height", "image_width", "label", "score", "rle_counts"}
        if missing := needed - set(table.fieldnames or ()):
            raise ValueError(f"it has no column {min(missing)}")
        numbered = ((table.line_num, row) for row in table)
        for _, rows in groupby(numbered, key=lambda entry: _picture_of(entry[1])):
            result = None
            entries = list(rows)
            with context.entry(path, f"line {entries[0][0]}", "picture"):
                result = _PictureRows(path, context).read(entries)
            if result is not None:
                yield result


def _picture_of(row: Mapping[str, str | None]) -> tuple[str | None, ...]:
    columns = ("image_id", "image", "image_height", "image_width")
    return tuple(row.get(column) for column in columns)


@dataclass
class _PictureRows:
    """The rows of one picture while they are read."""

    path: Path
    context: ReadContext
    items: list[Instance] = field(default_factory=list)
    refused: dict[str, float] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)

    def read(self, rows: list[tuple[int, dict[str, str]]]) -> Result:
        first = rows[0][1]
        size_hw = checked_size(first["image_height"], first["image_width"])
        for line, row in rows:
            with self.context.entry(self.path, f"line {line}"):
                self._take(row, size_hw)
        name, number = _unescaped(first["image"]), first.get("image_id")
        found = self.context.picture(name, self.path.parent, also=Path()) if name else None
        return result_from_regions(
            size_hw,
            self.items,
            source="csv",
            path=found,
            names=list(self.refused),
            scores=self.refused,
            origin=Origin(key_of(number) if number else None, None, self.categories),
        )

    def _take(self, row: dict[str, str], size_hw: tuple[int, int]) -> None:
        if None in row.values():
            raise EntryError("row that is cut off")
        label = _unescaped(row["label"])
        if row.get("category_id"):
            thing = row.get("is_thing") != "0"
            self.categories.setdefault(label, Category(key_of(row["category_id"]), "", thing))
        if row.get("kept") == "0":
            self.refused[label] = finite_number(row["score"])
        elif row["rle_counts"]:
            rle = {"size": size_hw, "counts": _unescaped(row["rle_counts"])}
            thing = row.get("is_thing", "1") != "0"
            score = finite_number(row["score"])
            self.items.append(Instance(label, score, Mask.from_coco(rle), thing))
        elif label:
            raise EntryError("box without mask")


def _is_csv(source: Source) -> bool:
    return not source.is_folder and source.path.suffix.lower() == ".csv"


CSV = Reader(_is_csv, lambda source, context: read_csv(source.path, context), rank=60)
