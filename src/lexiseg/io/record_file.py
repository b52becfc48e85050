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

Record = dict[str, Any]
SHOWN = 6  # differences that a message names


class RecordFile:
    """An append-only file of JSON lines; the first line tells under which terms they were made.

    Args:
        path: made with its folder if absent.
        terms: what all records of the file must have in common.

    Raises:
        OutputError: the file cannot be written, or was made under other terms.
    """

    def __init__(self, path: Path, terms: Mapping[str, Any]) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        terms = json.loads(json.dumps(terms))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = _whole_lines(path)
            self._stream = path.open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error}); choose another --out."
            ) from error
        if lines:
            self._check(lines[0], terms)
            self.records = {record["id"]: record for record in lines[1:]}
        else:
            self._write(terms)

    def append(self, record: Record) -> None:
        """Add one record; it is on disk when this returns."""
        self._write(record)
        self.records[record["id"]] = record

    def _write(self, line: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _check(self, found: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
        had, wanted = flatten(found), flatten(terms)
        other = [key for key in sorted(had | wanted) if had.get(key) != wanted.get(key)]
        if other:
            self._stream.close()
            more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
            raise OutputError(
                f"{self.path} holds records made with another {', '.join(other[:SHOWN])}{more}; "
                "choose another --out or remove the file."
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


def _whole_lines(path: Path) -> list[Record]:
    """Every complete line; what a crash left half-written is cut off the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
    return [json.loads(line) for line in whole.splitlines()]
