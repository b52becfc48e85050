"""What limits TIDES: names, places or masks? (Table 3 of the paper)

Each row puts the truth in place of one step, or of all. Images are encoded once for all rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from lexiseg.analysis.terms import Terms, with_objects
from lexiseg.datasets import InstanceDataset, InstanceSample
from lexiseg.errors import DatasetError
from lexiseg.evaluation.collecting import collect
from lexiseg.evaluation.protocol import asked_of
from lexiseg.io.output_file import json_text
from lexiseg.io.output_folder import output_folder
from lexiseg.io.record_file import Record
from lexiseg.methods.tides import Tides
from lexiseg.methods.tides.oracles import ORACLES, Oracle, Truth, with_truth
from lexiseg.metrics import (
    AT_50,
    AT_75,
    Found,
    bootstrap_interval,
    class_presence,
    gather_matches,
    mean_precision,
)
from lexiseg.types import Mask, Result

TABLE, DATA = "tides-oracles.csv", "tides-oracles.json"
ROWS: Mapping[str, tuple[Oracle, ...]] = MappingProxyType(
    {
        "none": (),
        "true semantics (A)": ("semantics",),
        "true vocabulary (B)": ("vocabulary",),
        "true masks (C, D)": ("masks",),
        "all": ORACLES,
    }
)


@dataclass(frozen=True)
class OracleNumbers:
    """One line of the table; numbers in [0, 1].

    Attributes:
        truth: what was known, a key of `ROWS`.
        class_iou: classes found and there over classes found or there, averaged over images.
        class_iou_interval: 95 % bootstrap interval over images.
        ap: COCO's mask AP, over IoU 0.50 to 0.95.
        ap_interval: 95 % bootstrap interval over images.
        ap50: at IoU 0.5.
        ap75: at IoU 0.75.
    """

    truth: str
    class_iou: float
    class_iou_interval: tuple[float, float]
    ap: float
    ap_interval: tuple[float, float]
    ap50: float
    ap75: float


@dataclass(frozen=True)
class OracleStudy:
    """What was measured.

    Attributes:
        terms: of the measurement.
        rows: the table.
        images: that were judged.
        failures: image id -> why it could not be judged.
    """

    terms: Terms
    rows: Sequence[OracleNumbers]
    images: int
    failures: Mapping[str, str]

    def to_json(self) -> dict[str, object]:
        """Table, failures and terms as plain data; NaN becomes None."""
        return {
            "rows": [
                {name: _plain(value) for name, value in asdict(row).items()} for row in self.rows
            ],
            "images": self.images,
            "failures": dict(self.failures),
            "protocol": self.terms.to_json(),
        }

    def to_csv(self) -> str:
        """The table as comma-separated values."""
        flat = [_flat(row) for row in self.rows]
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        return buffer.getvalue()

    def to_markdown(self) -> str:
        """The table for people, in percent."""
        lines = [
            "| known | class IoU | 95 % interval | AP | 95 % interval | AP50 | AP75 |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for row in self.rows:
            cells = [
                _percent(row.class_iou),
                " to ".join(_percent(end) for end in row.class_iou_interval),
                _percent(row.ap),
                " to ".join(_percent(end) for end in row.ap_interval),
                _percent(row.ap50),
                _percent(row.ap75),
            ]
            lines.append(f"| {row.truth} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def save(self, folder: Path, *, overwrite: bool = False) -> list[Path]:
        """Write ``tides-oracles.csv`` and ``tides-oracles.json``.

        Raises:
            OutputError: a file cannot be written, or is somebody else's.
        """
        files = output_folder(folder, overwrite=overwrite)
        return [
            files.text(folder / TABLE, self.to_csv()),
            files.text(folder / DATA, json_text(self.to_json(), indent=1) + "\n"),
        ]


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return None if value != value else value


def _flat(row: OracleNumbers) -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, value in asdict(row).items():
        if isinstance(value, tuple):
            stem = name.removesuffix("_interval")
            cells |= {f"{stem}_low": f"{value[0]:.4f}", f"{stem}_high": f"{value[1]:.4f}"}
        else:
            cells[name] = value if isinstance(value, str) else f"{value:.4f}"
    return cells


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def study_oracles(
    tides: Tides,
    dataset: InstanceDataset,
    out: Path,
    *,
    overwrite: bool = False,
    limit: int | None = None,
    quiet: bool = False,
) -> OracleStudy:
    """Ask every image with every kind of help.

    Args:
        tides: the method; it is asked with the settings AP is measured with, except where others
            were chosen.
        dataset: images with masks of single objects.
        out: folder for the records, which a second call continues.
        overwrite: records of another study are replaced; files of others may be.
        limit: only the first so many images.
        quiet: no progress bar.

    Raises:
        DatasetError: the data set has no masks, or nothing could be judged.
        OutputError: the folder cannot be written, or holds another study or files of others.
    """
    files = output_folder(out, overwrite=overwrite)
    files.check(out / TABLE, out / DATA)
    names = with_objects(dataset).classes.names
    tides = tides.configured(**tides.measured)
    terms = Terms(
        study="tides-oracles",
        dataset=dataset.name,
        split=dataset.split,
        classes=names,
        settings={"asked": asked_of(dataset)},
        recipe=tides.recipe(),
    )
    found = collect(
        lambda sample: ask_image(tides, sample, dataset),
        dataset, terms.binding, files, limit=limit, quiet=quiet,
    )  # fmt: skip
    place = {name: number for number, name in enumerate(dataset.ids)}
    samples = [dataset[place[record["id"]]] for record in found.records]
    rows = [_row(truth, found.records, samples, len(names)) for truth in ROWS]
    return OracleStudy(terms, rows, len(samples), found.failures)


def ask_image(tides: Tides, sample: InstanceSample, dataset: InstanceDataset) -> Record:
    """The answers about an image with every kind of help.

    Returns:
        ``size`` and ``answers``: per key of `ROWS` a list of [class index, score, run lengths].

    Raises:
        DatasetError: the image is not of the size that its annotation says.
    """
    classes = dataset.classes
    scene = tides.encode(sample.image)
    if any(item.mask.size_hw != scene.canvas.image_hw for item in sample.objects):
        raise DatasetError(f"Image {sample.id} is not of the size that its annotation says.")
    truth, vocabulary = Truth(sample.objects, classes.names), classes.vocabulary(sample.asked)
    answers = {
        row: with_truth(tides, truth, perfect).segment(scene, vocabulary)
        for row, perfect in ROWS.items()
    }
    return {
        "size": list(scene.canvas.image_hw),
        "answers": {row: _found(answer, classes.number) for row, answer in answers.items()},
    }


def _found(answer: Result, number: Mapping[str, int]) -> list[list[object]]:
    return [
        [number[item.label] - 1, float(item.score), item.mask.to_coco()["counts"]]
        for item in answer.instances
    ]


def _row(
    truth: str, records: Sequence[Record], samples: Sequence[InstanceSample], classes: int
) -> OracleNumbers:
    """The numbers of one kind of help, and how far they would move with other images."""
    images = len(records)
    overlap = np.array(
        [
            _class_iou({number for number, *_ in record["answers"][truth]}, sample, classes)
            for record, sample in zip(records, samples, strict=True)
        ]
    )
    answers = (_masks(record, truth) for record in records)
    matches = gather_matches(answers, samples).values()
    once = np.ones((1, images))
    return OracleNumbers(
        truth=truth,
        class_iou=float(overlap.mean()),
        class_iou_interval=bootstrap_interval(images, lambda drawn: drawn @ overlap / images),
        ap=float(mean_precision(matches, once)[0]),
        ap_interval=bootstrap_interval(images, lambda drawn: mean_precision(matches, drawn)),
        ap50=float(mean_precision(matches, once, columns=AT_50)[0]),
        ap75=float(mean_precision(matches, once, columns=AT_75)[0]),
    )


def _class_iou(found: set[int], sample: InstanceSample, classes: int) -> float:
    asked = range(classes) if sample.asked is None else sample.asked
    return class_presence(found, sample, asked).overlap


def _masks(record: Record, truth: str) -> list[Found]:
    return [
        (number, score, Mask.from_coco({"size": record["size"], "counts": counts}))
        for number, score, counts in record["answers"][truth]
    ]
