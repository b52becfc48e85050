"""Parquet: one row per picture, which pandas, DuckDB, Spark and pyarrow open."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar, cast

from lexiseg.errors import MissingExtraError, UsageError, in_one_line
from lexiseg.io.image import shown
from lexiseg.io.output_file import json_text
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import Entry
from lexiseg.io.record import VIEWS, file_record, result_from_record
from lexiseg.io.writer import Destination, collection_writer
from lexiseg.types import Recipe, Result

if TYPE_CHECKING:
    import pyarrow

RECIPES = b"lexiseg.recipes"
"""Key of a file's metadata under which the recipes stand, as JSON by the id that rows name."""

_ROWS_AT_ONCE = 256  # of a row group: what is in memory at a time
_READ_AT_ONCE = 64
Row = dict[str, object]
"""One picture, by the columns of `schema`; those that are missing are null."""

ItemT = TypeVar("ItemT")


def schema() -> pyarrow.Schema:
    """Columns of a file of results.

    Masks are COCO's compressed run lengths for the picture's height and width; boxes are x, y,
    width, height in pixels.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow = _arrow()
    text, number = arrow.string(), arrow.float64()
    named = arrow.struct([("label", text), ("score", number)])
    region = arrow.struct(
        [
            ("label", text),
            ("score", number),
            ("is_thing", arrow.bool_()),
            ("bbox", arrow.list_(arrow.int32())),
            ("area", arrow.int64()),
            ("counts", text),
            ("alternatives", arrow.list_(named)),
            ("details", arrow.map_(text, number)),
        ]
    )
    verdict = arrow.struct(
        [
            ("name", text),
            ("score", number),
            ("kept", arrow.bool_()),
            ("reason", text),
            ("step", arrow.int32()),
        ]
    )
    return arrow.schema(
        [
            ("id", text),
            ("path", text),
            ("sha256", text),
            ("height", arrow.int32()),
            ("width", arrow.int32()),
            ("presence", arrow.list_(verdict)),
            ("instances", arrow.list_(region)),
            *((view, arrow.list_(region)) for view in VIEWS),
            ("method", text),
            ("preset", text),
            ("recipe_id", text),
            ("timing_ms", arrow.map_(text, number)),
            ("error", text),
        ]
    )


def picture_id(path: str) -> str:
    """What a picture is called in every table: a hash of its path or address."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def recipe_id(recipe: Recipe) -> str:
    """A hash of all that decided an answer."""
    text = json.dumps(recipe.to_json(), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def row_of(result: Result, sha256: str | None = None, address: str | None = None) -> Row:
    """One picture with an answer.

    Args:
        result: the answer.
        sha256: of the picture's file, if it was taken.
        address: where the picture is, if that is not the path of the answer.
    """
    record = file_record(result)
    named = address or (str(result.path) if result.path else None)
    path = None if named is None else _plain(named)
    views = {view: _regions(record[view]) for view in VIEWS if view in record}
    return {
        "id": picture_id(path or ""),
        "path": path,
        "sha256": sha256,
        "height": result.size_hw[0],
        "width": result.size_hw[1],
        "presence": [_plain_texts(verdict) for verdict in cast("list[Entry]", record["presence"])],
        "instances": _regions(record["instances"]),
        **views,
        "method": result.recipe.method,
        "preset": result.recipe.preset,
        "recipe_id": recipe_id(result.recipe),
        "timing_ms": list(result.recipe.timing_ms.items()),
        "error": None,
    }


def row_of_failure(path: Path | str, reason: str) -> Row:
    """One picture without an answer."""
    name = _plain(str(path))
    return {"id": picture_id(name), "path": name, "error": _plain(reason)}


def _plain(text: str) -> str:
    """A text as Parquet can hold it; file names may be no text in any encoding."""
    return text.encode("utf-8", "backslashreplace").decode()


def _plain_texts(entry: Entry) -> Row:
    """The same of all texts of an entry."""
    return {key: _plain(value) if isinstance(value, str) else value for key, value in entry.items()}


def _regions(entries: object) -> list[Row]:
    return [
        {
            **_plain_texts(entry),
            "is_thing": entry.get("is_thing", True),
            "counts": entry["segmentation"]["counts"],
            "details": [(name, float(value)) for name, value in entry.get("details", {}).items()],
        }
        for entry in cast("list[Entry]", entries)
    ]


@collection_writer
def write_parquet(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.parquet``: a row per picture, those without an answer with the reason.

    Masks are exact. What decided the answers stands in the file's metadata, by `recipe_id`.
    """
    arrow, columns = _arrow(), schema()
    from pyarrow.parquet import ParquetWriter

    path = destination.path(".parquet")
    recipes: dict[str, object] = {}
    with (
        destination.open(path) as stream,
        ParquetWriter(stream, columns, compression="zstd") as writer,
    ):
        for rows in _batches(_rows(results, destination, recipes), _ROWS_AT_ONCE):
            writer.write_table(arrow.Table.from_pylist(rows, columns))
        writer.add_key_value_metadata({RECIPES: json_text(recipes).encode()})
    return [path]


def table_of(rows: Sequence[Row]) -> pyarrow.Table:
    """Rows as a table.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return _arrow().Table.from_pylist(list(rows), schema())


def parquet_bytes(
    kept: pyarrow.Table,
    rows: Sequence[Row],
    recipes: Iterable[Recipe],
    notes: Mapping[bytes, bytes],
) -> bytes:
    """The content of a file of rows, as `write_parquet` writes it.

    Args:
        kept: of the columns of `schema`; they come first.
        rows: the others.
        recipes: that its rows name.
        notes: what the file's metadata say besides.
    """
    from pyarrow.parquet import write_table

    known = {recipe_id(recipe): recipe.to_json() for recipe in recipes}
    metadata = {RECIPES: json_text(known).encode(), **notes}
    table = _arrow().concat_tables([kept.replace_schema_metadata(None), table_of(rows)])
    stream = io.BytesIO()
    write_table(table.replace_schema_metadata(metadata), stream, compression="zstd")
    return stream.getvalue()


def table_in(content: bytes) -> pyarrow.Table:
    """The rows of a file's content, with its metadata.

    Raises:
        ValueError: it is no file of such rows.
        MissingExtraError: pyarrow is not installed.
    """
    arrow = _arrow()
    from pyarrow.parquet import read_table

    try:
        table = read_table(arrow.BufferReader(content))
        return table.cast(schema().with_metadata(table.schema.metadata))
    except (OSError, arrow.ArrowException) as error:
        raise ValueError(in_one_line(error)) from error


def _rows(
    results: Iterable[Result], destination: Destination, recipes: dict[str, object]
) -> Iterator[Row]:
    for result in results:
        recipes.setdefault(recipe_id(result.recipe), result.recipe.to_json())
        yield row_of(result, _sha256(result.path, destination))
    for path, reason in destination.failures.items():
        yield row_of_failure(path, reason)


def _sha256(path: Path | None, destination: Destination) -> str | None:
    """Of a picture's file as it is now; None if it is gone, or may not be read."""
    if path is None or not destination.access.allows(path):
        return None
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def _batches(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def result_of_row(row: Entry, recipes: Mapping[str, Recipe]) -> Result:
    """The inverse of `row_of`.

    Args:
        row: as pyarrow gives it.
        recipes: by id; an answer whose recipe is not among them keeps its method and preset.

    Raises:
        ValueError: a column is missing, or holds no answer.
    """
    if row["height"] is None:
        raise ValueError("a row without an answer")
    size = [row["height"], row["width"]]
    record = {
        "image": row["path"],
        "size": size,
        "method": row["method"],
        "preset": row["preset"],
        "presence": row["presence"] or [],
        "instances": [_record(entry, size) for entry in row["instances"] or []],
        "timing_ms": dict(row.get("timing_ms") or []),
    }
    for view in VIEWS:
        if row.get(view) is not None:
            record[view] = [_record(entry, size) for entry in row[view]]
    result = result_from_record(record)
    recipe = recipes.get(str(row.get("recipe_id")), result.recipe)
    return replace(result, recipe=replace(recipe, timing_ms=result.recipe.timing_ms))


def _record(entry: Entry, size: list[int]) -> Row:
    return {
        **entry,
        "segmentation": {"size": size, "counts": entry["counts"]},
        "alternatives": entry.get("alternatives") or [],
        "details": {name: _whole(value) for name, value in entry.get("details") or []},
    }


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _arrow(what: str = "A Parquet file") -> ModuleType:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(what, "parquet") from error
    module: ModuleType = pyarrow
    return module


def _files(source: Source) -> list[Path]:
    return source.files("*.parquet")


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    for path in _files(source):
        for place, row, recipes in _stored_rows(path):
            result = None
            title = f"row {place} ({row.get('path')})"
            if row.get("error"):
                context.skip("picture", "picture that failed", path, title, str(row["error"]))
                continue
            with context.entry(path, title, "picture"):
                result = result_of_row(row, recipes)
                if result.path is not None:
                    named = context.picture(str(result.path), path.parent, also=Path())
                    result = replace(result, path=named)
            if result is not None:
                yield result


def _stored_rows(path: Path) -> Iterator[tuple[int, Entry, Mapping[str, Recipe]]]:
    """Rows of a file with their numbers from 1, and the recipes of the file."""
    arrow = _arrow(f"Reading {shown(path)}")
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            recipes = _recipes(file.metadata.metadata or {})
            place = 0
            for batch in file.iter_batches(_READ_AT_ONCE):
                for row in batch.to_pylist():
                    place += 1
                    yield place, row, recipes
    # A ValueError tells of a text in it that is no text.
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise UsageError(f"{shown(path)} is no Parquet file ({in_one_line(error)}).") from error


def _recipes(metadata: Mapping[bytes, bytes]) -> Mapping[str, Recipe]:
    try:
        stored = json.loads(metadata.get(RECIPES, b"{}"))
        return {str(key): Recipe.from_json(recipe) for key, recipe in stored.items()}
    except (ValueError, AttributeError, UsageError):
        return {}


PARQUET = Reader(lambda source: bool(_files(source)), _read, rank=80)
