"""Tables 1 to 5 and Figures 4 and 5 in miniature: policy A trained, policy B measured."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from lexiseg.evaluation.protocol import Protocol, protocol_of
from lexiseg.evaluation.records import RecordFile
from lexiseg.io.writer import Destination
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.hub import find_weights
from lexiseg.models.weights import fingerprint
from lexiseg.replication.engine import Replication
from lexiseg.replication.oracles.lessons import School
from lexiseg.replication.oracles.numbers import RowNumbers
from lexiseg.replication.oracles.plots import FEW_LABELS, PROGRESS, plot_few_labels, plot_progress
from lexiseg.replication.oracles.report import OraclesPage
from lexiseg.replication.oracles.rows import FC_CLIP, MAFT_PLUS, Row, all_rows
from lexiseg.replication.oracles.worker import (
    BIASES,
    OVERLAPS,
    TRIED,
    OraclesWorker,
    SceneTask,
    classes_of,
)
from lexiseg.replication.rows import RowRecords, RowTask
from lexiseg.training.engine.record import read_sessions

SCHOOL = "fc-clip-lessons"


class OraclesRecords(RowRecords[Row]):
    """The records of the replication; decoders that are compared are trained first.

    Args:
        worker: answers.
        files: where the records go.
        stack: closes the files.
    """

    def __init__(self, worker: OraclesWorker, files: Destination, stack: ExitStack) -> None:
        self._worker = worker
        self._school: Path = files.folder / SCHOOL
        rows = all_rows()
        School(self._school, device=worker.device).teach([r.lesson for r in rows if r.lesson])
        opened = {
            row: stack.enter_context(
                RecordFile.open_in(files, f"oracles-{row.key}.jsonl", self._terms(row))
            )
            for row in rows
        }
        super().__init__(opened, worker.dataset.ids)

    def tasks(self) -> list[RowTask[Row]]:
        """What is missing, scene by scene."""
        return [SceneTask(task.scene, task.rows, self._school) for task in super().tasks()]

    def _protocol(self, row: Row) -> Protocol:
        recipe = self._worker.configured(row, self._school).recipe()
        scenes = self._worker.scenes_of(row)
        return protocol_of(scenes, recipe, seed=0, images=self._worker.scenes)

    def _terms(self, row: Row) -> Mapping[str, object]:
        judged: dict[str, object] = {"biases": list(BIASES), "oracles": row.oracles}
        if row.balances:
            judged |= {"overlaps": list(OVERLAPS), "tried": list(TRIED)}
        if row.encoder is None:
            return {**self._protocol(row).terms, **judged}
        weights = fingerprint(find_weights(row.encoder))
        scenes = self._worker.dataset
        data = {"dataset": scenes.name, "split": scenes.split, "images": self._worker.scenes}
        return {"encoder": row.encoder, "weights": weights, "side": row.side, **data, **judged}

    def report(self, command: str) -> OraclesPage:
        """The page's content, once nothing is missing."""
        records, worker = self.records(), self._worker
        return OraclesPage(
            command=command,
            protocol=self._protocol(FC_CLIP),
            other=self._protocol(MAFT_PLUS),
            numbers={
                row: RowNumbers(found, classes_of(worker.scenes_of(row)))
                for row, found in records.items()
            },
            dataset=worker.dataset,
            steps=int(str(read_sessions(bundled_folder("mini-fc-clip"))[-1]["last_step"])),
        )


def to_markdown(report: OraclesPage, files: Destination) -> str:
    """The page; with matplotlib its plots are drawn beside it."""
    if not find_spec("matplotlib"):
        return report.to_markdown()
    plot_few_labels(report, files)
    plot_progress(files)
    return report.to_markdown(few_labels=FEW_LABELS, progress=PROGRESS)


replicate_oracles = Replication(
    "fc-clip",
    "replication-oracles.md",
    OraclesWorker,
    OraclesRecords,
    to_markdown,
    plots=(FEW_LABELS, PROGRESS),
    command="analyze oracles",
)
