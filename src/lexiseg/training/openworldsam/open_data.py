"""Find out what a folder or file of annotations holds, and open it as examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lexiseg.datasets.annotation import read_json
from lexiseg.errors import DatasetError
from lexiseg.training.openworldsam.config import DataTask
from lexiseg.training.openworldsam.examples import FileExamples
from lexiseg.training.openworldsam.instance_data import instance_examples
from lexiseg.training.openworldsam.panoptic_data import panoptic_examples
from lexiseg.training.openworldsam.referring_data import refer_examples, sentence_examples

PATTERNS: Mapping[DataTask, tuple[str, ...]] = {
    "panoptic": ("panoptic_{}*.json",),
    "instance": ("instances_{}*.json", "_annotations.coco.json"),
    "referring": ("refs*.p", "refs*.json", "grefs*.json", "*{}*.json"),
}
PLACES = ("", "annotations/", "*/")  # below a folder, where its annotation file may lie


@dataclass(frozen=True)
class DataChoice:
    """Where examples are and how they are to be read.

    Attributes:
        path: an annotation file, or a folder in a published layout.
        task: what kind it is; None to look.
        split: which part: of a folder, the file of that split; of REFER, those references.
        images: folder of the pictures; None to look beside the file.
    """

    path: Path
    task: DataTask | None = None
    split: str = "train"
    images: Path | None = None


def open_examples(choice: DataChoice) -> tuple[FileExamples, DataTask]:
    """The examples, and their kind.

    Args:
        choice: where and how.

    Raises:
        DatasetError: there is nothing of the kind, or nothing that one could learn from.
    """
    file, task = _found(choice)
    readers: Mapping[DataTask, Callable[[], FileExamples]] = {
        "panoptic": lambda: panoptic_examples(file, choice.images),
        "instance": lambda: instance_examples(file, choice.images),
        "referring": lambda: _referring(file, choice),
    }
    examples = readers[task]()
    useful = tuple(row for row in examples.rows if row.asking)
    if not useful:
        first = examples.complaints[0] if examples.complaints else "it has no annotations."
        raise DatasetError(f"{file} has nothing that an adapter can learn from; first: {first}")
    return replace(examples, rows=useful), task


def _referring(file: Path, choice: DataChoice) -> FileExamples:
    if file.name.startswith(("refs", "grefs")):
        return refer_examples(file, choice.images, choice.split)
    return sentence_examples(file, choice.images)


def _found(choice: DataChoice) -> tuple[Path, DataTask]:
    if choice.path.is_file():
        return choice.path, choice.task or _task_of(choice.path)
    if not choice.path.is_dir():
        raise DatasetError(f"{choice.path} does not exist; expected a folder or a JSON file.")
    tasks = PATTERNS if choice.task is None else {choice.task: PATTERNS[choice.task]}
    for task, patterns in tasks.items():
        for pattern in patterns:
            file = _one_file(choice.path, pattern.format(choice.split))
            if file is not None:
                return file, task
    listed = ", ".join(p.format(choice.split) for patterns in tasks.values() for p in patterns)
    raise DatasetError(
        f"{choice.path} has no annotation file of split {choice.split!r}: expected one of {listed} "
        "in it or in its folder annotations; give the file itself."
    )


def _one_file(folder: Path, pattern: str) -> Path | None:
    """The file below a folder that fits a pattern, if it is the only one in its place."""
    for place in PLACES:
        found = sorted(folder.glob(place + pattern))
        if len(found) > 1:
            listed = ", ".join(str(path.relative_to(folder)) for path in found[:4])
            raise DatasetError(f"{folder} has {listed}; give the one that is meant.")
        if found:
            return found[0]
    return None


def _task_of(file: Path) -> DataTask:
    """What an annotation file holds, by the keys of its first annotation."""
    if file.suffix == ".p" or file.name.startswith(("refs", "grefs")):
        return "referring"
    loaded = read_json(file)
    rows = loaded.get("annotations") if isinstance(loaded, dict) else None
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    if "segments_info" in first:
        return "panoptic"
    return "referring" if "sentences" in first else "instance"
