"""Table 3 of zero-guidance in miniature: the bundled weights on held-out Miniworld scenes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from lexiseg.evaluation.protocol import Protocol, protocol_of, recipe_of
from lexiseg.evaluation.records import RecordFile
from lexiseg.evaluation.replicating import Replication
from lexiseg.evaluation.replication_rows import RowFiles
from lexiseg.evaluation.replication_zero_guidance_plot import plot_thresholds
from lexiseg.evaluation.replication_zero_guidance_report import Report
from lexiseg.evaluation.replication_zero_guidance_worker import ROWS, NamingReplicant, Row
from lexiseg.evaluation.zero_guidance import TERMS


class Bench(RowFiles[Row]):
    """The files of the replication.

    Args:
        replicant: answers.
        folder: for the records.
        stack: closes the files.
    """

    def __init__(self, replicant: NamingReplicant, folder: Path, stack: ExitStack) -> None:
        self._replicant = replicant
        self._protocols = {row: self._protocol(row) for row in ROWS}
        files = {
            row: stack.enter_context(
                RecordFile(folder / f"zero-guidance-{row.key}.jsonl", protocol.terms)
            )
            for row, protocol in self._protocols.items()
        }
        super().__init__(files, replicant.dataset.ids)

    def _protocol(self, row: Row) -> Protocol:
        protocol = protocol_of(
            self._replicant.dataset,
            recipe_of(self._replicant.configured(row)),
            asks_per_image=False,
            seed=0,
            images=self._replicant.scenes,
        )
        return replace(protocol, **TERMS)

    def report(self, command: str) -> Report:
        """The page's content, once nothing is missing."""
        return Report(
            command=command,
            protocol=self._protocols[ROWS[-1]].to_json(),
            records=self.records(),
            dataset=self._replicant.dataset,
        )


def to_markdown(report: Report, folder: Path) -> str:
    """The page; with matplotlib its plot is drawn beside it."""
    plot = plot_thresholds(report, folder) if find_spec("matplotlib") else None
    return report.to_markdown(plot.name if plot else None)


replicate_zero_guidance = Replication(
    "zero-guidance", "replication-zero-guidance.md", NamingReplicant, Bench, to_markdown
)
