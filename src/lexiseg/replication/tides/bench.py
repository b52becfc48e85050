"""Tables 1 and 3 of TIDES in miniature: the bundled weights on held-out Miniworld scenes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from lexiseg.config import to_dict
from lexiseg.evaluation.protocol import Protocol, protocol_of, recipe_of
from lexiseg.evaluation.records import RecordFile
from lexiseg.replication.engine import Replication
from lexiseg.replication.rows import RowFiles
from lexiseg.replication.tides.report import Report
from lexiseg.replication.tides.rows import SCORERS, Row, all_rows
from lexiseg.replication.tides.worker import TidesReplicant


class Bench(RowFiles[Row]):
    """The files of the replication.

    Args:
        replicant: answers.
        folder: for the records.
        stack: closes the files.
    """

    def __init__(self, replicant: TidesReplicant, folder: Path, stack: ExitStack) -> None:
        self._replicant = replicant
        self._recipes = {scorer: recipe_of(replicant.configured(Row(scorer))) for scorer in SCORERS}
        self._protocols = {row: self._protocol(row) for row in all_rows()}
        files = {
            row: stack.enter_context(
                RecordFile(folder / f"{row.key}.jsonl", {**protocol.terms, "truth": row.truth})
            )
            for row, protocol in self._protocols.items()
        }
        super().__init__(files, replicant.dataset.ids)

    def _protocol(self, row: Row) -> Protocol:
        recipe = self._recipes[row.scorer]
        settings = {**recipe.settings, **to_dict(self._replicant.configured(row).config)}
        return protocol_of(
            self._replicant.dataset,
            replace(recipe, settings=settings),
            seed=0,
            images=self._replicant.scenes,
        )

    def report(self, command: str) -> Report:
        """The page's content, once nothing is missing."""
        return Report(
            command=command,
            protocols={row: protocol.to_json() for row, protocol in self._protocols.items()},
            records=self.records(),
            samples=list(self._replicant.dataset),
        )


replicate_tides = Replication(
    "tides",
    "replication-tides.md",
    TidesReplicant,
    Bench,
    lambda report, folder: report.to_markdown(),
)
