"""Table 3 of zero-guidance in miniature: the bundled weights on held-out Miniworld scenes.

Records are kept per row, so an interrupted or extended run only does what is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from lexiseg.evaluation.protocol import Protocol, protocol_of, recipe_of
from lexiseg.evaluation.records import Record, RecordFile
from lexiseg.evaluation.replication import RECORDS, answer_all
from lexiseg.evaluation.replication_zero_guidance_plot import plot_thresholds
from lexiseg.evaluation.replication_zero_guidance_report import Report
from lexiseg.evaluation.replication_zero_guidance_worker import ROWS, NamingReplicant, Row, Task
from lexiseg.evaluation.zero_guidance import TERMS
from lexiseg.io.writer import write_text

PAGE = "replication-zero-guidance.md"


def replicate_zero_guidance(
    *,
    scenes: int = 200,
    out: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    jobs: int | None = None,
    quiet: bool = False,
) -> str:
    """Measure all rows and write ``replication-zero-guidance.md``, with matplotlib also its plot.

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
    replicant = NamingReplicant(device, dtype, scenes)
    with ExitStack() as stack:
        bench = Bench(replicant, folder / RECORDS, stack)
        tasks = bench.tasks()
        answers = answer_all(replicant, tasks, jobs or (os.cpu_count() or 1))
        silent = quiet or not sys.stderr.isatty()
        bar = tqdm(answers, total=len(tasks), unit="scene", disable=silent)
        for task, records in zip(tasks, bar, strict=True):
            bench.keep(task, records)
        command = f"lexiseg evaluate zero-guidance --replicate --scenes {scenes} -o {folder}"
        report = bench.report(command)
    plot = plot_thresholds(report, folder) if find_spec("matplotlib") else None
    page = report.to_markdown(plot.name if plot else None)
    write_text(folder / PAGE, page)
    return page


class Bench:
    """The files of a replication: what is missing, and what the page says.

    Args:
        replicant: answers.
        folder: for the records.
        stack: closes the files.
    """

    def __init__(self, replicant: NamingReplicant, folder: Path, stack: ExitStack) -> None:
        self._replicant = replicant
        self._protocols = {row: self._protocol(row) for row in ROWS}
        self._files: Mapping[Row, RecordFile] = {
            row: stack.enter_context(
                RecordFile(folder / f"zero-guidance-{row.key}.jsonl", protocol.terms)
            )
            for row, protocol in self._protocols.items()
        }

    def _protocol(self, row: Row) -> Protocol:
        protocol = protocol_of(
            self._replicant.dataset,
            recipe_of(self._replicant.configured(row)),
            asks_per_image=False,
            seed=0,
            images=self._replicant.scenes,
        )
        return replace(protocol, **TERMS)

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
            protocol=self._protocols[ROWS[-1]].to_json(),
            records={
                row: [file.records[name] for name in dataset.ids]
                for row, file in self._files.items()
            },
            dataset=dataset,
        )
