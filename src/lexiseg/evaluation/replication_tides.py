"""Tables 1 and 3 of TIDES in miniature: the bundled weights on held-out Miniworld scenes.

Records are kept per row, so an interrupted or extended run only does what is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from lexiseg.config import to_dict
from lexiseg.evaluation.protocol import Protocol, protocol_of, recipe_of
from lexiseg.evaluation.records import Record, RecordFile
from lexiseg.evaluation.replication import RECORDS, answer_all
from lexiseg.evaluation.replication_tides_report import Report
from lexiseg.evaluation.replication_tides_rows import SCORERS, Row, all_rows
from lexiseg.evaluation.replication_tides_worker import Task, TidesReplicant
from lexiseg.io.writer import write_text

PAGE = "replication-tides.md"


def replicate_tides(
    *,
    scenes: int = 200,
    out: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    jobs: int | None = None,
    quiet: bool = False,
) -> str:
    """Measure all rows and write ``replication-tides.md``.

    Args:
        scenes: number of scenes of the test split.
        out: folder for the page and the records; by default ``replication``.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        jobs: number of processes; None takes one per core.
        quiet: no progress bar.

    Returns:
        The page in Markdown.

    Raises:
        WeightsNotFoundError: the bundled weights are not in this installation.
        OutputError: the folder cannot be written.
    """
    folder = Path(out) if out else Path("replication")
    replicant = TidesReplicant("tides", device, dtype, scenes)
    with ExitStack() as stack:
        bench = Bench(replicant, folder / RECORDS, stack)
        tasks = bench.tasks()
        answers = answer_all(replicant, tasks, jobs or (os.cpu_count() or 1))
        silent = quiet or not sys.stderr.isatty()
        bar = tqdm(answers, total=len(tasks), unit="scene", disable=silent)
        for task, records in zip(tasks, bar, strict=True):
            bench.keep(task, records)
        command = f"lexiseg evaluate tides --replicate --scenes {scenes} -o {folder}"
        page = bench.report(command).to_markdown()
    write_text(folder / PAGE, page)
    return page


class Bench:
    """The files of a replication: what is missing, and what the page says.

    Args:
        replicant: answers.
        folder: for the records.
        stack: closes the files.
    """

    def __init__(self, replicant: TidesReplicant, folder: Path, stack: ExitStack) -> None:
        self._replicant = replicant
        self._recipes = {scorer: recipe_of(replicant.configured(Row(scorer))) for scorer in SCORERS}
        self._protocols = {row: self._protocol(row) for row in all_rows()}
        self._files: Mapping[Row, RecordFile] = {
            row: stack.enter_context(
                RecordFile(folder / f"{row.key}.jsonl", {**protocol.terms, "truth": row.truth})
            )
            for row, protocol in self._protocols.items()
        }

    def _protocol(self, row: Row) -> Protocol:
        recipe = self._recipes[row.scorer]
        settings = {**recipe.settings, **to_dict(self._replicant.configured(row).config)}
        return protocol_of(
            self._replicant.dataset,
            replace(recipe, settings=settings),
            asks_per_image=True,
            seed=0,
            images=self._replicant.scenes,
        )

    def tasks(self) -> list[Task]:
        """What is missing, scene by scene."""
        tasks = []
        for scene, name in enumerate(self._replicant.dataset.ids):
            rows = tuple(row for row, file in self._files.items() if name not in file.records)
            if rows:
                tasks.append(Task(scene, rows))
        return tasks

    def keep(self, task: Task, records: Sequence[Record]) -> None:
        """Store the records of a task."""
        for row, record in zip(task.rows, records, strict=True):
            self._files[row].append(record)

    def report(self, command: str) -> Report:
        """The page's content, once nothing is missing."""
        dataset = self._replicant.dataset
        return Report(
            command=command,
            protocols={row: protocol.to_json() for row, protocol in self._protocols.items()},
            records={
                row: [file.records[name] for name in dataset.ids]
                for row, file in self._files.items()
            },
            samples=list(dataset),
        )
