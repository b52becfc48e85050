"""Records of a replication that asks every scene in the ways of some rows, a file for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lexiseg.evaluation.records import Record, RecordFile

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class RowTask(Generic[RowT]):
    """What to do for one scene."""

    scene: int
    rows: tuple[RowT, ...]


class RowRecords(Generic[RowT]):
    """Records by row: what is there, and what is missing.

    Args:
        files: row -> its open file.
        ids: of all scenes.
    """

    def __init__(self, files: Mapping[RowT, RecordFile], ids: Sequence[str]) -> None:
        self._files, self._ids = files, ids

    def wanted(self, row: RowT) -> Sequence[str]:
        """Ids of the scenes that a row is asked about: all of them."""
        return self._ids

    def tasks(self) -> list[RowTask[RowT]]:
        """What is missing, scene by scene."""
        tasks = []
        for scene, name in enumerate(self._ids):
            rows = tuple(
                row
                for row, file in self._files.items()
                if name in self.wanted(row) and name not in file.records
            )
            if rows:
                tasks.append(RowTask(scene, rows))
        return tasks

    def add(self, task: RowTask[RowT], records: Sequence[Record]) -> None:
        """Store the records of a task."""
        for row, record in zip(task.rows, records, strict=True):
            self._files[row].append(record)

    def records(self) -> dict[RowT, list[Record]]:
        """The records of each row in the order of the scenes, once nothing is missing."""
        return {
            row: [file.records[name] for name in self.wanted(row)]
            for row, file in self._files.items()
        }
