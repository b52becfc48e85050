"""Going through the images of a study: resumable, and one bad image costs that image only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lexiseg.datasets.sample import Dataset, InstanceSample
from lexiseg.errors import DatasetError, LexisegError
from lexiseg.io.record_file import Record, RecordFile
from lexiseg.types import study_versions

RECORDS = "records.jsonl"


@dataclass(frozen=True)
class Terms:
    """Everything a reader must know about the numbers of a study.

    Attributes:
        study: its name.
        dataset: name of the data set.
        split: of the data set.
        classes: names in index order.
        settings: of the study and of the method.
        weights: fingerprint per part.
        versions: of lexiseg and Python.
    """

    study: str
    dataset: str
    split: str
    classes: tuple[str, ...]
    settings: Mapping[str, Any]
    weights: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=study_versions)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @property
    def binding(self) -> dict[str, Any]:
        """What the records of one file must share: all but versions."""
        return {key: value for key, value in self.to_json().items() if key != "versions"}


@dataclass(frozen=True)
class Collected:
    """The records of a study.

    Attributes:
        records: of the images that could be judged, in the order of the data set.
        failures: image id -> why it could not be judged.
    """

    records: Sequence[Record]
    failures: Mapping[str, str]


def class_names(dataset: Dataset[InstanceSample]) -> tuple[str, ...]:
    """Names of a data set with masks of single objects.

    Raises:
        DatasetError: it has none.
    """
    if dataset.task != "instances" or dataset.classes is None:
        raise DatasetError(
            f"Data set {dataset.name!r} has no masks of single objects; use miniworld, or any "
            "folder in COCO's layout."
        )
    return dataset.classes.names


def collect(
    judge: Callable[[InstanceSample], Record],
    dataset: Dataset[InstanceSample],
    terms: Terms,
    out: Path,
    *,
    limit: int | None = None,
    quiet: bool = False,
) -> Collected:
    """Judge all images that have no record yet.

    Args:
        judge: makes the record of an image.
        dataset: images and their truth.
        terms: of the study; a folder with records under other terms is refused.
        out: folder of the records, which a second call continues.
        limit: only the first so many images.
        quiet: no progress bar (there is none either where stderr is no terminal).

    Raises:
        DatasetError: not a single image could be judged.
        OutputError: the folder cannot be written or holds records under other terms.
    """
    ids = dataset.ids[:limit]
    failures: dict[str, str] = {}
    silent = quiet or not sys.stderr.isatty()
    with RecordFile(out / RECORDS, terms.binding) as file:
        todo = [number for number, name in enumerate(ids) if name not in file.records]
        done = len(ids) - len(todo)
        for number in tqdm(todo, total=len(ids), initial=done, unit="image", disable=silent):
            try:
                file.append({"id": ids[number], **judge(dataset[number])})
            except LexisegError as error:
                failures[ids[number]] = str(error)
        records = [file.records[name] for name in ids if name in file.records]
    if not records:
        reason = next(iter(failures.values()), "it holds no image")
        raise DatasetError(f"Nothing of data set {dataset.name!r} could be judged: {reason}")
    return Collected(records, failures)
