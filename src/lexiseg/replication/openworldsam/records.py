"""Tables 1 to 6 of OpenWorldSAM in miniature: small networks on held-out Miniworld scenes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from lexiseg.evaluation.protocol import Protocol, protocol_of
from lexiseg.evaluation.records import RecordFile
from lexiseg.io.writer import Destination
from lexiseg.models.bundled import bundled_folder
from lexiseg.replication.engine import Replication
from lexiseg.replication.openworldsam.lessons import School
from lexiseg.replication.openworldsam.report import ReplicationPage
from lexiseg.replication.openworldsam.rows import Row, all_rows
from lexiseg.replication.openworldsam.worker import OpenWorldSamWorker, SceneTask
from lexiseg.replication.rows import RowRecords, RowTask
from lexiseg.training.engine.record import read_sessions

SCHOOL = "openworldsam-adapters"
ADAPTER = "mini-openworldsam"  # of the bundled preset


class OpenWorldSamRecords(RowRecords[Row]):
    """The records of the replication; adapters that are compared are trained first.

    Args:
        worker: answers.
        files: where the records go.
        stack: closes the files.
    """

    def __init__(self, worker: OpenWorldSamWorker, files: Destination, stack: ExitStack) -> None:
        self._worker = worker
        self._school: Path = files.folder / SCHOOL
        lessons = [row.lesson for row in all_rows() if row.lesson is not None]
        School(self._school, worker.load()).teach(lessons)
        self._protocols = {row: self._protocol(row) for row in all_rows()}
        opened = {
            row: stack.enter_context(
                RecordFile.open_in(files, f"openworldsam-{row.key}.jsonl", self._terms(row))
            )
            for row in self._protocols
        }
        super().__init__(opened, worker.dataset.ids)

    def wanted(self, row: Row) -> Sequence[str]:
        """Ids of the scenes that a row is asked about."""
        return self._ids[: row.scenes_of(len(self._ids))]

    def tasks(self) -> list[RowTask[Row]]:
        """What is missing, scene by scene."""
        return [SceneTask(task.scene, task.rows, self._school) for task in super().tasks()]

    def _terms(self, row: Row) -> dict[str, object]:
        return {**self._protocols[row].terms, "threshold": row.threshold, "blind": row.blind}

    def _protocol(self, row: Row) -> Protocol:
        protocol = protocol_of(
            self._worker.dataset,
            self._worker.configured(row, self._school).recipe(),
            seed=0,
            images=row.scenes_of(self._worker.scenes),
        )
        asking = "sentences" if row.sentences else row.prompts
        asked = {
            "sentences": "the first sentence about every object of a scene",
            "oracle": "the names that a scene shows, at most 20",
            "global": "all names of Miniworld in every scene",
            "half": "the names that a scene shows and as many that it does not",
        }[asking]
        return replace(protocol, asking=asking, asked=asked)

    def report(self, command: str) -> ReplicationPage:
        """The page's content, once nothing is missing."""
        return ReplicationPage(
            command=command,
            protocols=self._protocols,
            records=self.records(),
            dataset=self._worker.dataset,
            sessions=read_sessions(bundled_folder(ADAPTER)),
        )


replicate_openworldsam = Replication(
    "openworldsam",
    "replication-openworldsam.md",
    OpenWorldSamWorker,
    OpenWorldSamRecords,
    lambda report, files: report.to_markdown(),
)
