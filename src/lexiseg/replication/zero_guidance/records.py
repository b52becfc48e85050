"""Tables of zero-guidance in miniature: the bundled weights on held-out Miniworld scenes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec

from lexiseg.evaluation.protocol import Protocol, protocol_of
from lexiseg.evaluation.records import RecordFile
from lexiseg.evaluation.tasks.self_named.meaning import ClipTexts, by_meaning
from lexiseg.evaluation.tasks.self_named.scoring import TERMS
from lexiseg.evaluation.tasks.self_named.thresholds import plot_sweeps
from lexiseg.io.writer import Destination
from lexiseg.replication.engine import Replication
from lexiseg.replication.rows import RowRecords
from lexiseg.replication.zero_guidance.report import ReplicationReport
from lexiseg.replication.zero_guidance.worker import (
    FULL,
    ROWS,
    ZEROCAP,
    Row,
    ZeroGuidanceWorker,
)

PLOT = "replication-zero-guidance-threshold.png"


class ZeroGuidanceRecords(RowRecords[Row]):
    """The records of the replication.

    Args:
        worker: answers.
        files: where the records go.
        stack: closes the files.
    """

    def __init__(self, worker: ZeroGuidanceWorker, files: Destination, stack: ExitStack) -> None:
        self._worker = worker
        self._protocols = {row: self._protocol(row) for row in (*ROWS, ZEROCAP)}
        opened = {
            row: stack.enter_context(
                RecordFile.open_in(files, f"zero-guidance-{row.key}.jsonl", protocol.terms)
            )
            for row, protocol in self._protocols.items()
        }
        super().__init__(opened, worker.dataset.ids)

    def _protocol(self, row: Row) -> Protocol:
        protocol = protocol_of(
            self._worker.dataset,
            self._worker.configured(row).recipe(),
            seed=0,
            images=row.scenes_of(self._worker.scenes),
        )
        return replace(protocol, **TERMS)

    def wanted(self, row: Row) -> Sequence[str]:
        """Ids of the scenes that a row is asked about, the first ones."""
        return self._ids[: row.scenes_of(len(self._ids))]

    def report(self, command: str) -> ReplicationReport:
        """The page's content, once nothing is missing."""
        dataset = self._worker.dataset
        texts = ClipTexts(self._worker.configured(FULL).clip)
        return ReplicationReport(
            command=command,
            protocol=self._protocols[FULL],
            records={
                row: by_meaning(records, dataset.classes, texts)
                for row, records in self.records().items()
            },
            dataset=dataset,
        )


def to_markdown(report: ReplicationReport, files: Destination) -> str:
    """The page; with matplotlib its plot is drawn beside it."""
    if not find_spec("matplotlib"):
        return report.to_markdown()
    return report.to_markdown(plot_sweeps(report.words.sweeps, files, PLOT).name)


replicate_zero_guidance = Replication(
    "zero-guidance",
    "replication-zero-guidance.md",
    ZeroGuidanceWorker,
    ZeroGuidanceRecords,
    to_markdown,
    plots=(PLOT,),
)
