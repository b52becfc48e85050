"""CaR's Tables 2 to 7 in miniature: the bundled weights on held-out Miniworld scenes.

Every scene is encoded once per CAM tower and then asked under all settings; records are kept per
setting, so an interrupted or extended run only does what is missing.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

import lexiseg
from lexiseg.datasets.miniature import SIDE, DrawnScenes, MiniworldScenes
from lexiseg.datasets.miniature_referring import MiniworldSentences
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.evaluation import referring, semantic
from lexiseg.evaluation.protocol import protocol_of, recipe_of
from lexiseg.evaluation.records import Record, RecordFile
from lexiseg.evaluation.replication_report import Finding, ReferringFinding, Report
from lexiseg.evaluation.replication_tables import REFERRING, ablation_tables
from lexiseg.io.writer import write_text

SEED = 2024  # of the scenes; nothing was tuned on them
_RECORDS = "replication-records"
Progress = Callable[[Sequence[int]], Iterable[int]]


def replicate(
    method: str = "car",
    *,
    scenes: int = 200,
    out: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    quiet: bool = False,
) -> str:
    """Measure all rows and write ``replication.md``.

    Args:
        method: registry name.
        scenes: number of scenes of the test split.
        out: folder for the page and the records; by default ``replication``.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        quiet: no progress bar.

    Returns:
        The page in Markdown.
    """
    folder = Path(out) if out else Path("replication")
    load = partial(lexiseg.load, method, preset="mini", device=device, dtype=dtype)
    bench = Bench(load, folder / _RECORDS, scenes)
    progress = partial(
        tqdm, unit="scene", desc="replication", disable=quiet or not sys.stderr.isatty()
    )
    report = Report(
        command=f"lexiseg evaluate {method} --replicate --scenes {scenes} -o {folder}",
        protocol=bench.protocol.to_json(),
        tables=bench.ablations(progress),
        referring=bench.referring(progress),
    )
    page = report.to_markdown()
    write_text(folder / "replication.md", page)
    return page


@dataclass
class _Setting:
    """A configured method, where its records go, and which CAM tower encodes for it."""

    method: Any
    tower: str
    file: RecordFile


class Bench:
    """Methods by setting, sharing weights, and scenes shared between settings."""

    def __init__(self, load: Callable[..., Any], folder: Path, scenes: int) -> None:
        self._load = load
        self._folder = folder
        self._scenes = scenes
        self.base = load()
        self._towers = {"": self.base}
        self._world = Miniworld(split="test", size=SIDE, seed=SEED)
        self._dataset = MiniworldScenes(DrawnScenes(self._world, scenes))
        self.protocol = self._protocol(self.base, self._dataset)

    def ablations(self, progress: Progress) -> list[Finding]:
        """Records of every row of Tables 2 to 6."""
        tables = ablation_tables(self.base.config)
        rows = [(table, row) for table in tables for row in table.rows]
        with self._settings([dict(row.options) for _, row in rows]) as settings:
            self._ask(settings, progress)
            done = [self._records(setting) for setting in settings]
        return [
            Finding(table, row, records, self._dataset)
            for (table, row), records in zip(rows, done, strict=True)
        ]

    def referring(self, progress: Progress) -> list[ReferringFinding]:
        """Records of the kinds of sentences of Table 7."""
        findings = []
        for row in REFERRING:
            dataset = MiniworldSentences(self._world, self._scenes, row.kind)
            terms = self._protocol(self.base, dataset).terms
            path = self._folder / f"table-7-{row.kind.replace(' ', '-')}.jsonl"
            with RecordFile(path, terms) as file:
                for index in progress(_missing(file, dataset.ids)):
                    file.append(referring.score_image(self.base, dataset[index], dataset))
                records = [file.records[name] for name in dataset.ids]
            findings.append(ReferringFinding(row, referring.summarize(records, dataset)))
        return findings

    def _protocol(self, method: Any, dataset: Any) -> Any:
        recipe = recipe_of(method)
        return protocol_of(dataset, recipe, asks_per_image=True, seed=0, images=self._scenes)

    @contextmanager
    def _settings(self, options: Sequence[dict[str, Any]]) -> Iterator[list[_Setting]]:
        """One setting per entry; entries that mean the same share one."""
        known: dict[str, _Setting] = {}
        with ExitStack() as files:
            found = []
            for changes in options:
                method, tower = self._configured(changes)
                terms = self._protocol(method, self._dataset).terms
                key = hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:16]
                if key not in known:
                    file = files.enter_context(RecordFile(self._folder / f"{key}.jsonl", terms))
                    known[key] = _Setting(method, tower, file)
                found.append(known[key])
            yield found

    def _configured(self, changes: dict[str, Any]) -> tuple[Any, str]:
        """The base method with other settings, on other weights if they say so."""
        weights = {k: v for k, v in changes.items() if k.endswith("_weights")}
        key = json.dumps(weights, sort_keys=True) if weights else ""
        if key not in self._towers:
            self._towers[key] = self._load(**weights)
        rest = {k: v for k, v in changes.items() if k not in weights}
        return self._towers[key].configured(**rest), weights.get("proposal_weights", "")

    def _ask(self, settings: Sequence[_Setting], progress: Progress) -> None:
        different = list({id(setting): setting for setting in settings}.values())
        todo = sorted({i for s in different for i in _missing(s.file, self._dataset.ids)})
        for index in progress(todo):
            sample = self._dataset[index]
            scenes: dict[str, Any] = {}
            for setting in different:
                if sample.id in setting.file.records:
                    continue
                if setting.tower not in scenes:
                    scenes[setting.tower] = setting.method.encode(sample.image)
                scene = scenes[setting.tower]
                record = semantic.score_scene(setting.method, scene, sample, self._dataset.classes)
                setting.file.append(record)

    def _records(self, setting: _Setting) -> list[Record]:
        return [setting.file.records[name] for name in self._dataset.ids]


def _missing(file: RecordFile, ids: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(ids) if name not in file.records]
