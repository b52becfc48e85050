"""Result records, one JSON object per line: what a run resumes from and converts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lexiseg.errors import OutputError, UsageError
from lexiseg.io.image import shown
from lexiseg.io.origin import origin_entry, origin_of
from lexiseg.io.output_file import json_text
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import Entry, checked_size, finite_number
from lexiseg.io.writer import Destination, collection_writer
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

RECORDS = "results.jsonl"
"""The file that marks a folder as the output of a run."""
VIEWS = ("semantic", "panoptic")  # of a result, beside its instances


@collection_writer
def write_record(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.jsonl``: every result in full."""
    path = destination.path(".jsonl")
    with destination.open(path) as stream:
        for result in results:
            stream.write(_line(result))
    return [path]


def append_record(path: Path, result: Result, notes: Mapping[str, object] | None = None) -> int:
    """Add one result to a file of records, so that it survives a crash right afterwards.

    What an earlier interruption left of a half-written last line is removed first.

    Args:
        path: of the file.
        result: the answer.
        notes: what the run remembers with it, kept under the key ``run``.

    Returns:
        The byte where the record begins.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as stream:
            _mend_tail(stream)
            begin: int = stream.seek(0, os.SEEK_END)
            stream.write(_line(result, notes))
            stream.flush()
            os.fsync(stream.fileno())
            return begin
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"{path} cannot be written ({reason}); choose a folder that allows it and has room."
        ) from error


def read_records(path: Path) -> Iterator[Result]:
    """Read results one at a time; a half-written last line is left out.

    Scores come back as written, with six decimals, and masks exactly; pictures stay on disk.

    Raises:
        UsageError: the file is absent, or a line before the last is no record.
    """
    for _, result in locate_records(path):
        yield result


def locate_records(path: Path) -> Iterator[tuple[int, Result]]:
    """Results as from `read_records`, each with the byte where its line begins.

    Raises:
        UsageError: as there.
    """
    for line in scan_records(path):
        yield line.begin, line.result


@dataclass(frozen=True)
class RecordLine:
    """One line of a file of records.

    Args:
        begin: byte where it begins.
        content: the line.
        result: what it says.
        notes: what the run remembers with it.
    """

    begin: int
    content: bytes
    result: Result
    notes: Entry


def scan_records(path: Path) -> Iterator[RecordLine]:
    """The lines of a file of records, as `read_records` reads them.

    Raises:
        UsageError: as there.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{shown(path)} cannot be read ({reason}); check the path.") from error
    with stream:
        begin = end = 0
        for number, line in enumerate(stream, start=1):
            begin, end = end, end + len(line)
            if not line.strip():
                continue
            try:
                record = _parse(line)
                result = result_from_record(record)
            except ValueError as error:
                if not line.endswith(b"\n"):
                    return
                raise UsageError(
                    f"Line {number} of {shown(path)} is not a result record; expected JSON as "
                    "written by --json."
                ) from error
            notes = record.get("run")
            yield RecordLine(begin, line, result, notes if isinstance(notes, dict) else {})


def read_record_at(path: Path, begin: int) -> Result:
    """The result whose line begins at a byte that `locate_records` gave."""
    with path.open("rb") as stream:
        stream.seek(begin)
        return result_from_record(_parse(stream.readline()))


Attempt = Callable[[str], AbstractContextManager[None]]
"""A context for one region, by the words that name it, that may swallow its errors."""


def result_from_record(record: Entry, attempt: Attempt = lambda _: nullcontext()) -> Result:
    """The inverse of `file_record` and of `Result.to_json`, which leaves settings out.

    Args:
        record: parsed JSON.
        attempt: stands around every region; one that swallows errors leaves odd regions out.

    Raises:
        ValueError: a key is missing or of the wrong type.
    """
    try:
        size_hw = checked_size(*record["size"])
        items = _regions(record["instances"], size_hw, attempt)
        semantic, panoptic = (
            Instances(tuple(_regions(record[view], size_hw, attempt)), size_hw)
            if view in record
            else None
            for view in VIEWS
        )
        presence = [_presence(entry) for entry in record["presence"]]
        names = dict.fromkeys([entry.name for entry in presence] + [item.label for item in items])
        timing = {str(key): float(value) for key, value in record.get("timing_ms", {}).items()}
        recipe = replace(_recipe(record), timing_ms=timing)
        picture = Path(_text(record["image"])) if record["image"] is not None else None
    except (KeyError, TypeError, AttributeError, OverflowError, UsageError) as error:
        raise ValueError(f"not a result record: {error}") from error
    found = Instances(tuple(items), size_hw)
    verdicts, origin = PresenceTrace(presence), origin_of(record)
    return Result(
        size_hw,
        tuple(names),
        found,
        verdicts,
        recipe,
        picture,
        origin=origin,
        semantic_regions=semantic,
        panoptic_regions=panoptic,
    )


def _regions(
    entries: Iterable[Entry], size_hw: tuple[int, int], attempt: Attempt
) -> list[Instance]:
    items = []
    for place, entry in enumerate(entries, start=1):
        with attempt(f"region {place}"):
            items.append(_instance(entry, size_hw))
    return items


def file_record(result: Result) -> dict[str, object]:
    """What ``--json`` prints, and what its schema has no place for.

    ``recipe`` is all that decided the answer (`Recipe.from_json` reads it);
    ``is_thing`` stands with regions of stuff, ``step`` with verdicts of methods that have steps,
    ``origin`` with results that were read from a file which numbers its pictures, ``semantic`` and
    ``panoptic`` with methods that have rules of their own for these views.
    """
    record = result.to_json()
    record["instances"] = _entries(result.instances)
    for view in VIEWS:
        own: Instances | None = getattr(result, f"{view}_regions")
        if own is not None:
            record[view] = _entries(own)
    record["presence"] = [_verdict(verdict) for verdict in result.presence.values()]
    recipe = {"recipe": result.recipe.to_json()} if result.recipe.settings else {}
    return record | recipe | origin_entry(result)


def _entries(regions: Iterable[Instance]) -> list[dict[str, object]]:
    """Regions as ``--json`` prints them; those of stuff say so."""
    return [item.to_json() | ({} if item.is_thing else {"is_thing": False}) for item in regions]


def _verdict(verdict: Presence) -> dict[str, object]:
    """A verdict as ``--json`` prints it; that of a method that has steps says which."""
    return verdict.to_json() | ({} if verdict.step is None else {"step": verdict.step})


def _recipe(record: Entry) -> Recipe:
    known = {"method": _text(record["method"]), "preset": _text(record["preset"])}
    return Recipe.from_json({**record.get("recipe", {}), **known})


def _line(result: Result, notes: Mapping[str, object] | None = None) -> bytes:
    record = file_record(result)
    if notes:
        record["run"] = notes
    return json_text(record).encode() + b"\n"


def _parse(line: bytes) -> Entry:
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} stands for text")
    return value


def _instance(entry: Entry, size_hw: tuple[int, int]) -> Instance:
    mask = Mask.from_coco(entry["segmentation"])
    if mask.size_hw != size_hw:
        raise EntryError("mask of another size", f"{mask.size_hw} for a picture of {size_hw}")
    others = entry.get("alternatives", [])
    return Instance(
        _text(entry["label"]),
        finite_number(entry["score"]),
        mask,
        bool(entry.get("is_thing", True)),
        details={str(key): _measure(value) for key, value in entry.get("details", {}).items()},
        alternatives=tuple((_text(e["label"]), finite_number(e["score"])) for e in others),
    )


def _measure(value: object) -> float:
    """A number that a method noted, whole ones as they are."""
    return value if isinstance(value, int) else finite_number(value)


def _presence(entry: Entry) -> Presence:
    step = entry.get("step")
    return Presence(
        _text(entry["name"]),
        finite_number(entry["score"]),
        bool(entry["kept"]),
        _text(entry["reason"]),
        None if step is None else int(step),
    )


def _mend_tail(stream: BinaryIO) -> None:
    """Make the file end with a complete line."""
    end = stream.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start > 0 and b"\n" not in tail:
        step = min(65536, start)
        start = stream.seek(start - step)
        tail = stream.read(step) + tail
    if not tail or tail.endswith(b"\n"):
        return
    last = tail.rpartition(b"\n")[2]
    try:
        result_from_record(_parse(last))
    except ValueError:
        stream.truncate(end - len(last))
        stream.seek(0, os.SEEK_END)
    else:
        stream.write(b"\n")


def _is_record(source: Source) -> bool:
    if source.is_folder:
        return (source.path / RECORDS).is_file()
    return source.path.suffix.lower() == ".jsonl"


def _read_record(source: Source, context: ReadContext) -> Iterator[Result]:
    path = source.path / RECORDS if source.is_folder else source.path
    for number, line in enumerate(_lines(path), start=1):
        result = None
        with context.entry(path, f"line {number}", "picture"):
            result = _result_of_line(line, path, number, context)
        if result is not None:
            yield result


def _result_of_line(line: bytes, path: Path, number: int, context: ReadContext) -> Result | None:
    if not line.strip():
        return None
    attempt = lambda region: context.entry(path, f"line {number}, {region}")  # noqa: E731
    result = result_from_record(_parse(line), attempt)
    if result.path is None:
        return result
    named = context.picture(str(result.path), path.parent, also=Path())
    return replace(result, path=named)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            yield from stream
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{shown(path)} cannot be read ({reason}); check the path.") from error


RECORD = Reader(_is_record, _read_record, rank=90)
