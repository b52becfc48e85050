"""Going through a data set: resumable, and one bad image at most costs that image."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tqdm import tqdm

from lexiseg.datasets import Dataset
from lexiseg.errors import DatasetError, LexisegError
from lexiseg.io.record_file import Record, RecordFile
from lexiseg.io.writer import Destination

RECORDS = "records.jsonl"
SampleT = TypeVar("SampleT")
ItemT = TypeVar("ItemT")
Judged = tuple[int, Record | str]
"""Number of an image in its data set, and its record, or why it could not be judged."""
Judges = Callable[[Sequence[int]], Iterable[Judged]]
"""Judge images, given by their numbers, in any order."""


@dataclass(frozen=True)
class Collected:
    """The records of a run.

    Attributes:
        records: of the images that could be judged, in the order of the data set.
        failures: image id -> why it could not be judged.
    """

    records: Sequence[Record]
    failures: Mapping[str, str]


def collect(
    judge: Callable[[SampleT], Record],
    dataset: Dataset[SampleT],
    terms: Mapping[str, object],
    files: Destination,
    *,
    limit: int | None = None,
    quiet: bool = False,
    judges: Judges | None = None,
) -> Collected:
    """Judge all images that have no record yet.

    Args:
        judge: makes the record of an image, whose id is added.
        dataset: images and their truth.
        terms: what all records have in common; a folder with records under others is refused.
        files: where the records go, which a second call continues.
        limit: only the first so many images.
        quiet: no progress bar (there is none either where stderr is no terminal).
        judges: do the same elsewhere, in place of `judge`.

    Raises:
        DatasetError: not a single image could be judged.
        OutputError: the folder cannot be written or holds records under other terms.
    """
    ids = dataset.ids[:limit]
    failures: dict[str, str] = {}
    with RecordFile.open_in(files, RECORDS, terms) as file:
        todo = [index for index, name in enumerate(ids) if name not in file.records]
        found = judges(todo) if judges else _here(judge, dataset, todo)
        done = len(ids) - len(todo)
        for index, record in (bar := _progress(found, done, len(ids), dataset.name, quiet)):
            if isinstance(record, str):
                failures[ids[index]] = record
                bar.write(f"{ids[index]}: {record}", file=sys.stderr)
            else:
                file.append({"id": ids[index], **record})
        records = [file.records[name] for name in ids if name in file.records]
    if not records:
        reason = next(iter(failures.values()), "it holds no image")
        raise DatasetError(f"Nothing of data set {dataset.name!r} could be judged: {reason}")
    return Collected(records, failures)


def _here(
    judge: Callable[[SampleT], Record], dataset: Dataset[SampleT], todo: Sequence[int]
) -> Iterator[Judged]:
    for index in todo:
        yield index, record_or_reason(lambda index: judge(dataset[index]), index)


def record_or_reason(judge: Callable[[int], Record], index: int) -> Record | str:
    """The record of an image, or why it could not be judged."""
    try:
        return judge(index)
    except Exception as error:  # hours of work must not end because of one odd picture
        return str(error) if isinstance(error, LexisegError) else f"{type(error).__name__}: {error}"


def _progress(items: Iterable[ItemT], done: int, total: int, name: str, quiet: bool) -> tqdm[ItemT]:
    return tqdm(
        items,
        desc=name,
        total=total,
        initial=done,
        unit="image",
        disable=quiet or not sys.stderr.isatty(),
    )
