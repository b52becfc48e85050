"""CaR's Tables 2 to 7 in miniature: the bundled weights on held-out Miniworld scenes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lexiseg.datasets import AnyDataset
from lexiseg.evaluation.protocol import Protocol, protocol_of
from lexiseg.evaluation.records import Record, RecordFile
from lexiseg.evaluation.summary import Summary
from lexiseg.evaluation.tasks import referring
from lexiseg.io.writer import Destination
from lexiseg.methods.car import CaR
from lexiseg.replication.car.report import Finding, ReferringFinding, ReplicationReport
from lexiseg.replication.car.tables import REFERRING, ablation_tables
from lexiseg.replication.car.worker import CarWorker, Changes, Task, split_tasks
from lexiseg.replication.engine import Replication


@dataclass(frozen=True)
class _Setting:
    """What differs from the base, and where its records go."""

    changes: Changes
    file: RecordFile


class CarRecords:
    """The records of the replication; rows that mean the same setting share one.

    Args:
        worker: answers.
        files: where the records go.
        stack: closes the files.
    """

    def __init__(self, worker: CarWorker, files: Destination, stack: ExitStack) -> None:
        self._worker = worker
        tables = ablation_tables(worker.base.config)
        self._rows = [(table, row) for table in tables for row in table.rows]
        self.protocol = self._protocol(worker.base, worker.dataset)
        self._of_row: list[str] = []
        self._settings: dict[str, _Setting] = {}
        for _, row in self._rows:
            terms = self._protocol(worker.configured(row.options), worker.dataset).terms
            text = json.dumps(terms, sort_keys=True)
            key = hashlib.sha256(text.encode()).hexdigest()[:16]
            if key not in self._settings:
                file = stack.enter_context(RecordFile.open_in(files, f"{key}.jsonl", terms))
                self._settings[key] = _Setting(row.options, file)
            self._of_row.append(key)
        self._sentences = {
            row.kind: stack.enter_context(self._sentence_file(files, row.kind)) for row in REFERRING
        }

    def _sentence_file(self, files: Destination, kind: str) -> RecordFile:
        terms = self._protocol(self._worker.base, self._worker.sentences(kind)).terms
        return RecordFile.open_in(files, f"sentences-{kind.replace(' ', '-')}.jsonl", terms)

    def _protocol(self, method: CaR, dataset: AnyDataset) -> Protocol:
        images = self._worker.scenes
        return protocol_of(dataset, method.recipe(), seed=0, images=images)

    def tasks(self) -> list[Task]:
        """What is missing, scene by scene."""
        ids = self._worker.dataset.ids
        return split_tasks(
            len(ids),
            [(setting.changes, _missing(setting.file, ids)) for setting in self._settings.values()],
            {kind: _missing(file, ids) for kind, file in self._sentences.items()},
        )

    def add(self, task: Task, answer: tuple[Sequence[Record], Sequence[Record]]) -> None:
        """Store the records of a task: of its settings, and of its sentences."""
        of_settings, of_sentences = answer
        files = {id(setting.changes): setting.file for setting in self._settings.values()}
        for changes, record in zip(task.settings, of_settings, strict=True):
            files[id(changes)].append(record)
        for kind, record in zip(task.kinds, of_sentences, strict=True):
            self._sentences[kind].append(record)

    def report(self, command: str) -> ReplicationReport:
        """The page's content, once nothing is missing."""
        dataset = self._worker.dataset
        return ReplicationReport(
            command=command,
            protocol=self.protocol,
            tables=[
                Finding(table, row, _ordered(self._settings[key].file, dataset.ids), dataset)
                for (table, row), key in zip(self._rows, self._of_row, strict=True)
            ],
            referring=[
                ReferringFinding(row, self._sentence_summary(row.kind)) for row in REFERRING
            ],
        )

    def _sentence_summary(self, kind: str) -> Summary:
        dataset = self._worker.sentences(kind)
        return referring.summarize(_ordered(self._sentences[kind], dataset.ids), dataset)


replicate_car = Replication(
    "car", "replication.md", CarWorker, CarRecords, lambda report, files: report.to_markdown()
)


def _missing(file: RecordFile, ids: Sequence[str]) -> set[int]:
    return {index for index, name in enumerate(ids) if name not in file.records}


def _ordered(file: RecordFile, ids: Sequence[str]) -> list[Record]:
    records: Mapping[str, Record] = file.records
    return [records[name] for name in ids]
