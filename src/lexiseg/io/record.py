"""Result records, one JSON object per line: what a run resumes from and converts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lexiseg.errors import OutputError, UsageError
from lexiseg.io.image import shown
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.writer import Destination, collection_writer, json_text
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

RECORDS = "results.jsonl"
"""The file that marks a folder as the output of a run."""


@collection_writer
def write_record(results: Iterable[Result], destination: Destination) -> list[Path]:
    """``<name>.jsonl``: every result in full."""
    path = destination.path(".jsonl")
    with destination.open(path) as stream:
        for result in results:
            stream.write(_line(result))
    return [path]


def append_record(path: Path, result: Result) -> None:
    """Add one result to a file of records, so that it survives a crash right afterwards.

    What an earlier interruption left of a half-written last line is removed first.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as stream:
            _mend_tail(stream)
            stream.write(_line(result))
            stream.flush()
            os.fsync(stream.fileno())
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
                result = result_from_record(_parse(line))
            except ValueError as error:
                if not line.endswith(b"\n"):
                    return
                raise UsageError(
                    f"Line {number} of {shown(path)} is not a result record; expected JSON as "
                    "written by --json."
                ) from error
            yield begin, result


def read_record_at(path: Path, begin: int) -> Result:
    """The result whose line begins at a byte that `locate_records` gave."""
    with path.open("rb") as stream:
        stream.seek(begin)
        return result_from_record(_parse(stream.readline()))


def result_from_record(record: Mapping[str, Any]) -> Result:
    """The inverse of `file_record` and `Result.to_json`, without the settings a run was made with.

    Raises:
        ValueError: a key is missing or of the wrong type.
    """
    try:
        height, width = (int(side) for side in record["size"])
        items = tuple(_instance(entry) for entry in record["instances"])
        presence = [_presence(entry) for entry in record["presence"]]
        names = dict.fromkeys([entry.name for entry in presence] + [item.label for item in items])
        timing = {str(key): float(value) for key, value in record.get("timing_ms", {}).items()}
        recipe = Recipe(str(record["method"]), str(record["preset"]), timing_ms=timing)
        picture = Path(record["image"]) if record["image"] is not None else None
    except (KeyError, TypeError, AttributeError, UsageError) as error:
        raise ValueError(f"not a result record: {error}") from error
    size_hw = (height, width)
    found = Instances(items, size_hw)
    return Result(size_hw, tuple(names), found, PresenceTrace(presence), recipe, picture)


def file_record(result: Result) -> dict[str, Any]:
    """What ``--json`` prints, and what its schema has no place for.

    ``is_thing`` stands with regions of stuff, ``step`` with verdicts of methods that have steps.
    """
    record = result.to_json()
    for entry, item in zip(record["instances"], result.instances, strict=True):
        if not item.is_thing:
            entry["is_thing"] = False
    for entry, verdict in zip(record["presence"], result.presence.values(), strict=True):
        if verdict.step is not None:
            entry["step"] = verdict.step
    return record


def _line(result: Result) -> bytes:
    return json_text(file_record(result)).encode() + b"\n"


def _parse(line: bytes) -> Mapping[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def _instance(entry: Mapping[str, Any]) -> Instance:
    others = entry.get("alternatives", [])
    return Instance(
        entry["label"],
        float(entry["score"]),
        Mask.from_coco(entry["segmentation"]),
        bool(entry.get("is_thing", True)),
        details=dict(entry.get("details", {})),
        alternatives=tuple((str(other["label"]), float(other["score"])) for other in others),
    )


def _presence(entry: Mapping[str, Any]) -> Presence:
    step = entry.get("step")
    return Presence(
        str(entry["name"]),
        float(entry["score"]),
        bool(entry["kept"]),
        str(entry["reason"]),
        None if step is None else int(step),
    )


def _mend_tail(stream: Any) -> None:
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
    for result in read_records(path):
        named = result.path
        found = context.picture(str(named), path.parent, also=Path()) if named else None
        yield replace(result, path=found)


RECORD = Reader(_is_record, _read_record, rank=90)
