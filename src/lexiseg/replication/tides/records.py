"""Tables 1 and 3 of TIDES in miniature: the bundled weights on held-out Miniworld scenes."""

from __future__ import annotations

from contextlib import ExitStack

from lexiseg.evaluation.protocol import Protocol, protocol_of
from lexiseg.evaluation.records import RecordFile
from lexiseg.io.writer import Destination
from lexiseg.replication.engine import Replication
from lexiseg.replication.rows import RowRecords
from lexiseg.replication.tides.report import ReplicationReport
from lexiseg.replication.tides.rows import Row, all_rows
from lexiseg.replication.tides.worker import TidesWorker


class TidesRecords(RowRecords[Row]):
    """The records of the replication.

    Args:
        worker: answers.
        files: where the records go.
        stack: closes the files.
    """

    def __init__(self, worker: TidesWorker, files: Destination, stack: ExitStack) -> None:
        self._worker = worker
        self._protocols = {row: self._protocol(row) for row in all_rows()}
        opened = {
            row: stack.enter_context(
                RecordFile.open_in(
                    files, f"{row.key}.jsonl", {**protocol.terms, "truth": row.truth}
                )
            )
            for row, protocol in self._protocols.items()
        }
        super().__init__(opened, worker.dataset.ids)

    def _protocol(self, row: Row) -> Protocol:
        return protocol_of(
            self._worker.dataset,
            self._worker.configured(row).recipe(),
            seed=0,
            images=self._worker.scenes,
        )

    def report(self, command: str) -> ReplicationReport:
        """The page's content, once nothing is missing."""
        return ReplicationReport(
            command=command,
            protocols=self._protocols,
            records=self.records(),
            samples=list(self._worker.dataset),
        )


replicate_tides = Replication(
    "tides",
    "replication-tides.md",
    TidesWorker,
    TidesRecords,
    lambda report, files: report.to_markdown(),
)
