"""CaR's Tables 2 to 7 in miniature: the bundled weights on held-out Miniworld scenes.

Records are kept per setting, so an interrupted or extended run only does what is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lexiseg.evaluation import referring
from lexiseg.evaluation.protocol import Protocol, protocol_of, recipe_of
from lexiseg.evaluation.records import Record, RecordFile
from lexiseg.evaluation.replication_report import Finding, ReferringFinding, Report
from lexiseg.evaluation.replication_tables import REFERRING, Table, ablation_tables
from lexiseg.evaluation.replication_worker import (
    Answers,
    AnswerT,
    Changes,
    Replicant,
    Task,
    TaskT,
    run_in_worker,
    split_tasks,
    start_worker,
)
from lexiseg.io.writer import write_text

RECORDS = "replication-records"


def replicate(
    method: str = "car",
    *,
    scenes: int = 200,
    out: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    jobs: int | None = None,
    quiet: bool = False,
) -> str:
    """Measure all rows and write ``replication.md``.

    Args:
        method: registry name.
        scenes: number of scenes of the test split.
        out: folder for the page and the records; by default ``replication``.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        jobs: number of processes; None takes one per core.
        quiet: no progress bar.

    Returns:
        The page in Markdown.
    """
    folder = Path(out) if out else Path("replication")
    replicant = Replicant(method, device, dtype, scenes)
    tables = ablation_tables(replicant.base.config)
    with ExitStack() as stack:
        bench = Bench(replicant, tables, folder / RECORDS, stack)
        tasks = bench.tasks()
        answers = answer_all(replicant, tasks, jobs or (os.cpu_count() or 1))
        silent = quiet or not sys.stderr.isatty()
        for task, answer in zip(
            tasks, tqdm(answers, total=len(tasks), unit="scene", disable=silent), strict=True
        ):
            bench.keep(task, *answer)
        report = bench.report(
            f"lexiseg evaluate {method} --replicate --scenes {scenes} -o {folder}"
        )
    page = report.to_markdown()
    write_text(folder / "replication.md", page)
    return page


def answer_all(
    replicant: Answers[TaskT, AnswerT], tasks: Sequence[TaskT], jobs: int
) -> Iterator[AnswerT]:
    """What a replicant answers to tasks, in their order, from this process or from several."""
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from map(replicant.run, tasks)
        return
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=start_worker, initargs=(replicant.fresh(),)
    ) as pool:
        yield from pool.map(run_in_worker, tasks)


@dataclass(frozen=True)
class _Setting:
    """What differs from the base, and where its records go."""

    changes: Changes
    file: RecordFile


class Bench:
    """The files of a replication: what is missing, and what the page says.

    Args:
        replicant: answers.
        tables: rows to measure; rows that mean the same setting share one file.
        folder: for the records.
        stack: closes the files.
    """

    def __init__(
        self, replicant: Replicant, tables: Sequence[Table], folder: Path, stack: ExitStack
    ) -> None:
        self._replicant = replicant
        self._rows = [(table, row) for table in tables for row in table.rows]
        self.protocol = self._protocol(replicant.base, replicant.dataset)
        self._of_row: list[str] = []
        self._settings: dict[str, _Setting] = {}
        for _, row in self._rows:
            terms = self._protocol(replicant.configured(row.options), replicant.dataset).terms
            text = json.dumps(terms, sort_keys=True)
            key = hashlib.sha256(text.encode()).hexdigest()[:16]
            if key not in self._settings:
                file = stack.enter_context(RecordFile(folder / f"{key}.jsonl", terms))
                self._settings[key] = _Setting(row.options, file)
            self._of_row.append(key)
        self._sentences = {
            row.kind: stack.enter_context(self._sentence_file(folder, row.kind))
            for row in REFERRING
        }

    def _sentence_file(self, folder: Path, kind: str) -> RecordFile:
        terms = self._protocol(self._replicant.base, self._replicant.sentences(kind)).terms
        return RecordFile(folder / f"sentences-{kind.replace(' ', '-')}.jsonl", terms)

    def _protocol(self, method: Any, dataset: Any) -> Protocol:
        images = self._replicant.scenes
        return protocol_of(dataset, recipe_of(method), asks_per_image=True, seed=0, images=images)

    def tasks(self) -> list[Task]:
        """What is missing, scene by scene."""
        ids = self._replicant.dataset.ids
        return split_tasks(
            len(ids),
            [(setting.changes, _missing(setting.file, ids)) for setting in self._settings.values()],
            {kind: _missing(file, ids) for kind, file in self._sentences.items()},
        )

    def keep(self, task: Task, asked: Sequence[Record], told: Sequence[Record]) -> None:
        """Store the records of a task."""
        files = {id(setting.changes): setting.file for setting in self._settings.values()}
        for changes, record in zip(task.settings, asked, strict=True):
            files[id(changes)].append(record)
        for kind, record in zip(task.kinds, told, strict=True):
            self._sentences[kind].append(record)

    def report(self, command: str) -> Report:
        """The page's content, once nothing is missing."""
        dataset = self._replicant.dataset
        return Report(
            command=command,
            protocol=self.protocol.to_json(),
            tables=[
                Finding(table, row, _ordered(self._settings[key].file, dataset.ids), dataset)
                for (table, row), key in zip(self._rows, self._of_row, strict=True)
            ],
            referring=[
                ReferringFinding(row, self._sentence_summary(row.kind)) for row in REFERRING
            ],
        )

    def _sentence_summary(self, kind: str) -> Any:
        dataset = self._replicant.sentences(kind)
        return referring.summarize(_ordered(self._sentences[kind], dataset.ids), dataset)


def _missing(file: RecordFile, ids: Sequence[str]) -> set[int]:
    return {index for index, name in enumerate(ids) if name not in file.records}


def _ordered(file: RecordFile, ids: Sequence[str]) -> list[Record]:
    records: Mapping[str, Record] = file.records
    return [records[name] for name in ids]
