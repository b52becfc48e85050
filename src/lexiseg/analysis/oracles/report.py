"""The report: everything a study found, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar

from lexiseg.analysis.oracles import page, text
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.comparison import RunComparison
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.error_types import FOUND_MEANINGS, MEANINGS
from lexiseg.analysis.oracles.findings import directions, findings
from lexiseg.analysis.oracles.gallery import Shot
from lexiseg.analysis.oracles.levers import Estimate, Lever, Stair, Tallies, biggest_lever
from lexiseg.analysis.oracles.near_names import NearNames
from lexiseg.analysis.oracles.summary import (
    ClassLine,
    SizeLine,
    VoidBalance,
    WordingLine,
    absorbed,
    class_lines,
    confused,
    size_lines,
    void_balance,
    wording_lines,
)
from lexiseg.analysis.oracles.tables import class_csv
from lexiseg.analysis.terms import Terms
from lexiseg.evaluation.collecting import Collected
from lexiseg.io.output_file import json_text
from lexiseg.io.output_folder import output_folder

SCHEMA = "lexiseg-oracles/1"
PAGE, DATA, CLASSES, TEXT = "report.html", "report.json", "classes.csv", "report.md"
Pairs = Sequence[tuple[str, str, int]]
"""True class, answered class, how often."""


@dataclass(frozen=True)
class OracleReport:
    """What a study found.

    Attributes:
        terms: of the measurement.
        measure: what quality is called.
        pictures: how many were judged.
        quality: group of classes -> quality.
        sentence: which lever is the biggest.
        levers: every help alone, the biggest first.
        staircases: helps that add up.
        classes: the table of classes.
        names: of the classes, by index.
        seen: of the classes; empty where that is not told.
        is_thing: of the classes.
        confused: overlaps of more than half between different classes.
        absorbed: true segments that answers swallow.
        sizes: true segments by size.
        void: the balance of "no object"; None without candidates.
        wordings: which texts won; empty where predictors do not tell.
        near: names that a text encoder hardly tells apart; empty where none was asked.
        surplus: true segments beyond the number of candidates.
        fell_back: true masks too small for the grid of the encoder that named them.
        failures: picture -> why it could not be judged.
        gallery: pictures of the worst errors.
        comparison: with another run.
    """

    FILES: ClassVar[tuple[str, ...]] = (PAGE, DATA, CLASSES, TEXT)

    terms: Terms
    measure: str
    pictures: int
    quality: Mapping[str, Estimate]
    sentence: str
    levers: Sequence[Lever]
    staircases: Mapping[str, Sequence[Stair]]
    classes: Sequence[ClassLine]
    names: Sequence[str]
    seen: Sequence[bool]
    is_thing: Sequence[bool]
    confused: Pairs
    absorbed: Pairs
    sizes: Sequence[SizeLine]
    void: VoidBalance | None
    wordings: Sequence[WordingLine]
    surplus: int
    failures: Mapping[str, str]
    gallery: Sequence[Shot] = field(default=())
    near: Sequence[NearNames] = ()
    comparison: RunComparison | None = None
    fell_back: int = 0

    @classmethod
    def of(
        cls,
        judged: Collected,
        classes: CaseClasses,
        terms: Terms,
        tallies: Tallies,
        config: OracleConfig,
    ) -> OracleReport:
        """Sum records up.

        Args:
            judged: the records.
            classes: of the study.
            terms: of the measurement.
            tallies: the counts of every run.
            config: settings.
        """
        records = judged.records
        quality = {group: tallies.estimate(tallies.base, group) for group in tallies.groups}
        levers = tallies.levers()

        def named(pairs: Mapping[tuple[int, int], int]) -> Pairs:
            ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
            names = classes.names
            return [(names[true], names[found], times) for (true, found), times in ordered]

        wrong = {pair: n for pair, n in confused(records).items() if pair[0] != pair[1]}
        return cls(
            terms=terms,
            measure=tallies.measure.name,
            pictures=len(records),
            quality=quality,
            sentence=biggest_lever(tallies.measure.name, quality["all"], levers),
            levers=levers,
            staircases=tallies.staircases(),
            classes=class_lines(records, classes, tallies),
            names=classes.names,
            seen=classes.seen,
            is_thing=classes.is_thing,
            confused=named(wrong),
            absorbed=named(absorbed(records)),
            sizes=size_lines(records),
            void=void_balance(records, config.biases, tallies),
            wordings=wording_lines(records),
            surplus=sum(record.get("surplus", 0) for record in records),
            failures=judged.failures,
            fell_back=sum(record.get("fell_back", 0) for record in records),
        )

    @property
    def with_candidates(self) -> bool:
        """Whether the candidates were known."""
        return self.void is not None

    @property
    def conflicts(self) -> list[tuple[str, str]]:
        """Classes whose labels seem to follow another policy, with what swallows them."""
        found = [line for line in self.classes if line.conflict]
        return [(self.names[line.index], self.names[line.swallower]) for line in found]

    def to_json(self) -> dict[str, object]:
        """Everything but the gallery's pixels as plain data; NaN becomes None."""
        content = asdict(self) | {
            "schema": SCHEMA,
            "terms": self.terms.to_json(),
            "classes": [self._class_json(line) for line in self.classes],
            "conflicts": self.conflicts,
            "findings": [
                {
                    "number": found.number,
                    "title": found.title,
                    "here": found.here,
                    "holds": found.holds,
                }
                for found in findings(self)
            ],
            "directions": directions(self),
            "gallery": [shot.to_json() for shot in self.gallery],
            "meanings": {"true": dict(MEANINGS), "found": dict(FOUND_MEANINGS)},
        }
        plain = _plain(content)
        assert isinstance(plain, dict)
        return {"schema": plain.pop("schema"), "sentence": plain.pop("sentence"), **plain}

    def _class_json(self, line: ClassLine) -> dict[str, object]:
        swallower = None if line.swallower < 0 else self.names[line.swallower]
        return asdict(line) | {
            "name": self.names[line.index],
            "thing": self.is_thing[line.index],
            "seen": self.seen[line.index] if self.seen else None,
            "fn_seg": line.split.fn_seg,
            "fn_cls": line.split.fn_cls,
            "recall": line.recall,
            "swallower": swallower,
        }

    def to_csv(self) -> str:
        """The table of classes as comma-separated values."""
        return class_csv(self)

    def to_markdown(self) -> str:
        """The report as text for people."""
        return text.markdown(self)

    def to_html(self) -> str:
        """The report as one page that needs no other file."""
        return page.html_page(self)

    def save(self, folder: Path, *, overwrite: bool = False) -> list[Path]:
        """Write ``report.html``, ``report.json``, ``classes.csv`` and ``report.md``.

        Raises:
            OutputError: a file cannot be written, or is somebody else's.
        """
        files = output_folder(folder, overwrite=overwrite)
        return [
            files.text(folder / PAGE, self.to_html()),
            files.text(folder / DATA, json_text(self.to_json(), indent=1) + "\n"),
            files.text(folder / CLASSES, self.to_csv()),
            files.text(folder / TEXT, self.to_markdown()),
        ]


def _plain(value: object) -> object:
    """As JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value
