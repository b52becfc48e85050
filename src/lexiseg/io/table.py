"""One row per region: CSV files and pandas frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.io.image import shown
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import MalformedFile, checked_size, result_from_regions
from lexiseg.io.writer import Destination, collection_writer
from lexiseg.types import Instance, Mask, Result

_COLUMNS = (
    *("image", "image_height", "image_width", "label", "score"),
    *("x", "y", "width", "height", "area", "is_thing"),
)
_MASK_COLUMN = "rle_counts"


@collection_writer
def write_csv(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.csv``: a row per region with label, score, box, area, thing or stuff, and the mask.

    Boxes and areas are in pixels; ``is_thing`` is 1 for things and 0 for stuff. The last column
    holds COCO's compressed run lengths, so no mask is lost; pictures without a region have no row.
    """
    path = destination.path(".csv")
    with destination.open(path) as stream:
        stream.write(_csv_line([*_COLUMNS, _MASK_COLUMN]))
        for result in results:
            for item in result.instances:
                row = [*_row(result, item).values(), item.mask.to_coco()["counts"]]
                stream.write(_csv_line(row))
    return [path]


def _row(result: Result, item: Instance) -> dict[str, Any]:
    where = (str(result.path) if result.path else "", *result.size_hw)
    region = (item.label, float(item.score), *item.mask.bbox, item.mask.area, int(item.is_thing))
    return dict(zip(_COLUMNS, (*where, *region), strict=True))


def _csv_line(values: list[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode("utf-8", "surrogatepass")


def to_pandas(result: Result) -> Any:
    """A pandas frame with one row per region: picture, label, score, box and area in pixels, kind.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("A pandas table", "tables") from error
    return pandas.DataFrame([_row(result, item) for item in result.instances], columns=_COLUMNS)


def read_csv(path: Path) -> Iterator[Result]:
    """Read a file of `write_csv`, one result per picture; its rows must stand together.

    Raises:
        UsageError: the file is absent or has other columns.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogatepass")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)} cannot be read ({error}); check the path.") from error
    with MalformedFile(path, "a CSV file of regions"):
        csv.field_size_limit(2**31 - 1)  # a mask may be long
        rows = csv.DictReader(io.StringIO(text, newline=""))
        key, items = None, []
        for row in rows:
            here = (row["image"], *checked_size(row["image_height"], row["image_width"]))
            if key is not None and here != key:
                yield _result(key, items)
                items = []
            key = here
            rle = {"size": here[1:], "counts": row[_MASK_COLUMN]}
            thing = row.get("is_thing", "1") != "0"
            items.append(Instance(row["label"], float(row["score"]), Mask.from_coco(rle), thing))
        if key is not None:
            yield _result(key, items)


def _result(key: tuple[str, int, int], items: list[Instance]) -> Result:
    path = Path(key[0]) if key[0] else None
    return result_from_regions(key[1:], items, source="csv", path=path)


def _is_csv(source: Source) -> bool:
    return not source.is_folder and source.path.suffix.lower() == ".csv"


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    for result in read_csv(source.path):
        named = result.path
        found = context.picture(str(named), source.folder, also=Path()) if named else None
        yield replace(result, path=found)


CSV = Reader(_is_csv, _read, rank=60)
