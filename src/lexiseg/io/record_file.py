"""One line per image, appended so that an interrupted run loses nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from lexiseg.config import flatten
from lexiseg.errors import OutputError
from lexiseg.io.writer import Destination

Record = dict[str, Any]  # a line of JSON; whoever writes it knows its keys
SHOWN = 6  # differences that a message names


class RecordFile:
    """An append-only file of JSON lines; the first line tells under which terms they were made.

    Args:
        path: made with its folder if absent.
        terms: what all records of the file must have in common.
        overwrite: a file of somebody else, or of other terms, is replaced.

    Raises:
        OutputError: the file cannot be written, is somebody else's, or was made under other terms.
    """

    def __init__(self, path: Path, terms: Mapping[str, object], *, overwrite: bool = False) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes() if path.exists() else b""
            whole = self._continued(content, json.loads(json.dumps(terms)), overwrite)
            self._stream = path.open("ab")
            self._stream.truncate(whole)  # what a crash left half-written
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error}); choose another --out."
            ) from error
        if not whole:
            self._write(terms)

    @classmethod
    def open_in(cls, files: Destination, name: str, terms: Mapping[str, object]) -> RecordFile:
        """The file of that name in a folder, which notes it as its own.

        Raises:
            OutputError: as for any `RecordFile`.
        """
        file = cls(files.folder / name, terms, overwrite=files.overwrite)
        files.note(file.path)
        return file

    def append(self, record: Record) -> None:
        """Add one record; it is on disk when this returns."""
        self._write(record)
        self.records[record["id"]] = record

    def _write(self, line: Mapping[str, object]) -> None:
        self._stream.write(_line(line))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _continued(self, content: bytes, terms: Mapping[str, object], overwrite: bool) -> int:
        """Take over the records of a file, and say how many of its bytes stay."""
        if _line(terms).startswith(content):  # new, or cut off in its first line
            return 0
        whole = content.rfind(b"\n") + 1
        try:
            self.records = self._read(content[:whole], terms)
        except OutputError:
            if not overwrite:
                raise
            return 0
        return whole

    def _read(self, lines: bytes, terms: Mapping[str, object]) -> dict[str, Record]:
        try:
            found, *records = map(json.loads, lines.splitlines())
            by_id: dict[str, Record] = {record["id"]: record for record in records}
            had = flatten(found)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise OutputError(
                f"{self.path} is no file of records of lexiseg, or a damaged one; choose another "
                "--out, or allow overwrite (overwrite=True, --overwrite)."
            ) from error
        self._check(had, flatten(terms))
        return by_id

    def _check(self, had: Mapping[str, object], wanted: Mapping[str, object]) -> None:
        other = [key for key in sorted({**had, **wanted}) if had.get(key) != wanted.get(key)]
        if other:
            more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
            raise OutputError(
                f"{self.path} holds records made with another {', '.join(other[:SHOWN])}{more}; "
                "choose another --out, or allow overwrite (overwrite=True, --overwrite)."
            )

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, ensure_ascii=True).encode() + b"\n"
