"""What an evaluation found, and the files it is written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lexiseg.evaluation.protocol import Protocol
from lexiseg.io.output_file import json_text
from lexiseg.io.output_folder import output_folder

RESULT, REPORT, PER_CLASS = FILES = ("result.json", "report.md", "per_class.csv")


@dataclass(frozen=True)
class ClassRow:
    """One class: IoU in [0, 1] (None if the truth never shows it) and how much of it there is."""

    name: str
    prompt: str
    iou: float | None
    images: int
    pixels: int


@dataclass(frozen=True)
class InstanceRow:
    """One class of single objects: AP, AP at IoU 0.5 and recall in [0, 1] (None if none is shown).

    Args:
        name: of the class.
        prompt: shown to the method.
        ap: over IoU 0.50 to 0.95.
        ap50: at IoU 0.50.
        recall: over the same thresholds, of all judged answers.
        images: that show the class.
        objects: that are counted.
        answers: that were judged.
    """

    name: str
    prompt: str
    ap: float | None
    ap50: float | None
    recall: float | None
    images: int
    objects: int
    answers: int


@dataclass(frozen=True)
class PanopticRow:
    """One class of segments: qualities in [0, 1] (None if it is neither shown nor answered).

    Args:
        name: of the class.
        prompt: shown to the method.
        pq: panoptic quality.
        sq: mean IoU of the pairs.
        rq: share of segments that are paired.
        matched: pairs.
        wrong: answers without a true segment.
        missed: true segments without an answer.
    """

    name: str
    prompt: str
    pq: float | None
    sq: float | None
    rq: float | None
    matched: int
    wrong: int
    missed: int


@dataclass(frozen=True)
class Summary:
    """Numbers in [0, 1], 95 % bootstrap intervals of the main ones, and the per-class table."""

    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    classes: tuple[ClassRow, ...] | tuple[InstanceRow, ...] | tuple[PanopticRow, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The outcome of a run.

    Args:
        protocol: terms of the measurement.
        summary: numbers.
        failures: image id -> why it could not be judged.
    """

    protocol: Protocol
    summary: Summary
    failures: Mapping[str, str]

    def to_json(self) -> dict[str, object]:
        """Everything as plain data; NaN becomes None."""
        return {
            "scores": {key: _number(value) for key, value in self.summary.scores.items()},
            "intervals_95": {
                key: [_number(value) for value in pair]
                for key, pair in self.summary.intervals.items()
            },
            "failures": dict(self.failures),
            "per_class": [asdict(row) for row in self.summary.classes],
            "protocol": self.protocol.to_json(),
        }

    def to_markdown(self) -> str:
        """A report of one page: terms, numbers, classes."""
        terms = self.protocol
        lines = [
            f"# {terms.method} on {terms.dataset} ({terms.split})",
            "",
            f"{terms.images} images, {len(self.failures)} failed; classes: {terms.class_list} "
            f"({terms.wording}); background {terms.background}; prompts={terms.asking}: "
            f"{terms.asked}; "
            f"lexiseg {terms.versions['lexiseg']}.",
            "",
            "| number | value | 95 % interval |",
            "| --- | --- | --- |",
        ]
        for key, value in self.summary.scores.items():
            ends = [_percent(end) for end in self.summary.intervals.get(key, ())]
            interval = " to ".join(ends) if all(ends) else ""
            lines.append(f"| {key} | {_percent(value)} | {interval} |")
        if self.summary.classes:
            lines += ["", *_table(self.class_header, self.class_cells)]
        return "\n".join(lines) + "\n"

    def per_class_csv(self) -> str:
        """The per-class table as comma-separated values."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.class_header)
        for cells in self.class_cells:
            writer.writerow([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in cells])
        return buffer.getvalue()

    @property
    def class_header(self) -> list[str]:
        """Columns of the table of classes."""
        return ["class", *list(asdict(self.summary.classes[0]))[1:]]

    @property
    def class_cells(self) -> list[list[object]]:
        """Its rows."""
        return [list(asdict(row).values()) for row in self.summary.classes]

    def save(self, folder: Path, *, overwrite: bool = False) -> list[Path]:
        """Write ``result.json``, ``report.md`` and, with classes, ``per_class.csv``.

        Args:
            folder: made if absent; what an earlier call wrote there is replaced.
            overwrite: files of others are replaced as well.

        Raises:
            OutputError: a file is there and is somebody else's, or the folder cannot be written.
        """
        texts = {RESULT: json_text(self.to_json(), indent=1) + "\n", REPORT: self.to_markdown()}
        if self.summary.classes:
            texts[PER_CLASS] = self.per_class_csv()
        files = output_folder(folder, overwrite=overwrite)
        files.check(*(folder / name for name in texts))
        return [files.text(folder / name, text) for name, text in texts.items()]


def _number(value: float) -> float | None:
    return None if value != value else round(value, 6)


def _percent(value: float | None) -> str:
    return "" if value is None or value != value else f"{100 * value:.1f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table; shares are shown in percent."""
    cells = [[_cell(value) for value in row] for row in rows]
    return [_line(header), _line(["---"] * len(header)), *(_line(row) for row in cells)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None or isinstance(value, float):
        return _percent(value)
    return str(value).replace("|", "\\|")
