"""Finished files of answers against a file of truth; no method runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import Literal

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.coco_instances import InstanceTables, open_instances_file
from lexiseg.datasets.label_map import LabelMapDataset
from lexiseg.datasets.sample import (
    IGNORE,
    InstanceSample,
    LabelMap,
    SemanticSample,
    TrueObject,
)
from lexiseg.errors import DatasetError, LexisegError, UsageError
from lexiseg.evaluation.protocol import protocol_of
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import FILES, Evaluation
from lexiseg.evaluation.tasks import instances, semantic
from lexiseg.io.coco_reader import read_coco_results
from lexiseg.io.output_folder import output_folder
from lexiseg.io.reader import detect_format, read_results
from lexiseg.io.reading import result_from_regions
from lexiseg.types import Mask, Number, Recipe, Result

_LABEL_MAPS = ("png", "label-map")  # formats of truth in which every pixel has one class
_SEED = 0  # of the bootstrap


def evaluate_files(
    predictions: Path, truth: Path, *, out: Path | None = None, overwrite: bool = False
) -> Evaluation:
    """Score answers that are finished, by anything, against a file or folder of truth.

    Truth that is label maps is judged pixel by pixel (IoU of classes, void left out); any other
    as single objects (AP as the COCO tools compute it; a COCO file keeps its crowds and areas).
    Answers belong to the picture of the same number (lists of COCO results) or name; a picture
    without one has an empty answer. What carries a label that the truth does not know is not
    judged.

    Args:
        predictions: any format that `lexiseg.read` reads; a list of COCO results takes its
            tables from `truth`.
        truth: the same.
        out: folder for ``result.json``, ``report.md`` and ``per_class.csv``; None writes nothing.
        overwrite: such files of others are replaced.

    Returns:
        Scores with their terms; `failures` tells pictures that could not be judged.

    Raises:
        UsageError: a file is absent or of no known format, or two answers fit one picture.
        DatasetError: the truth is damaged or empty, or no picture could be judged.
        OutputError: the folder cannot be written, or holds such files of others.
    """
    if out:
        output_folder(out, overwrite=overwrite).check(*(Path(out) / name for name in FILES))
    form = detect_format(predictions)
    dataset = _open_truth(Path(truth))
    answers = _Answers.of(_read(Path(predictions), form, Path(truth)))
    records: list[Record] = []
    failures: dict[str, str] = {}
    for index in range(len(dataset)):
        sample = dataset[index]
        try:
            records.append(_score(answers.of_picture(sample), sample, dataset))
        except UsageError:
            raise
        except LexisegError as error:
            failures[sample.id] = str(error)
    if not records:
        reason = next(iter(failures.values()), f"{truth} holds no picture")
        raise DatasetError(f"Not a single picture could be judged; the first: {reason}")
    recipe = Recipe("file", form, {"predictions": Path(predictions).name})
    terms = protocol_of(dataset, recipe, seed=_SEED, images=len(records))
    task = semantic if dataset.task == "semantic" else instances
    evaluation = Evaluation(terms, task.summarize(records, dataset, seed=_SEED), failures)
    if out:
        evaluation.save(Path(out), overwrite=overwrite)
    return evaluation


def _read(predictions: Path, form: str, truth: Path) -> Iterator[Result]:
    if form == "coco-results" and detect_format(truth) == "coco" and truth.is_file():
        return read_coco_results(predictions, truth)
    return read_results(predictions)


def _open_truth(truth: Path) -> LabelMapDataset | InstanceTables | FileObjects:
    form = detect_format(truth)
    if form == "coco" and truth.is_file():
        return open_instances_file(truth)
    results = list(read_results(truth))
    names = tuple(dict.fromkeys(label for r in results for label in r.instances.labels))
    classes = ClassList(f"labels of {truth.name}", names, names)
    ids = tuple(_unique(_name_of(result, place) for place, result in enumerate(results)))
    if form not in _LABEL_MAPS:
        return FileObjects(truth.name, classes, ids, tuple(results))
    by_id = dict(zip(ids, results, strict=True))
    return LabelMapDataset(
        name=truth.name,
        split="as in the file",
        classes=classes,
        counts_background=True,
        ids=ids,
        image_path=Path,
        read_truth=lambda name: _labels(by_id[name], classes),
        has_void=any(_void(result) for result in results),
    )


def _void(result: Result) -> Mask | None:
    return result.origin.void if result.origin else None


def _labels(result: Result, classes: ClassList) -> LabelMap:
    """True classes; what the file calls void is not judged, as in the data sets."""
    labels = semantic.answered_labels(result, classes).astype("uint16")
    if void := _void(result):
        labels[void.to_array()] = IGNORE
    return labels


@dataclass(frozen=True)
class FileObjects(Sequence[InstanceSample]):
    """Regions of a file as single objects.

    Args:
        name: of the file.
        classes: labels in it.
        ids: names of the pictures.
        results: one per picture.
    """

    name: str
    classes: ClassList
    ids: tuple[str, ...]
    results: tuple[Result, ...]
    split: str = "as in the file"
    task: Literal["instances"] = "instances"
    asks_per_image: bool = False
    federated: bool = False
    frequencies: tuple[str, ...] = ()

    @cached_property
    def category_ids(self) -> tuple[int, ...]:
        """Numbers of the classes, from 1."""
        return tuple(self.classes.number.values())

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> InstanceSample:  # type: ignore[override]
        number = self.classes.number
        objects = tuple(
            TrueObject(number[item.label] - 1, item.mask, float(item.mask.area))
            for item in self.results[index].instances
        )
        return InstanceSample(self.ids[index], index, Path(self.ids[index]), objects)


@dataclass(frozen=True)
class _Answers:
    """Predicted results by the number and by the ends of the name of their picture."""

    by_number: dict[Number, Result]
    by_name: dict[str, list[Result]]

    @classmethod
    def of(cls, results: Iterable[Result]) -> _Answers:
        numbered: dict[Number, Result] = {}
        named: dict[str, list[Result]] = defaultdict(list)
        for place, result in enumerate(results):
            by_list = result.recipe.preset == "coco-results" and result.origin is not None
            if by_list and result.origin and result.origin.image_id is not None:
                numbered[result.origin.image_id] = result
            else:
                for end in _ends(_name_of(result, place)):
                    named[end].append(result)
        return cls(numbered, named)

    def of_picture(self, sample: SemanticSample | InstanceSample) -> Result | None:
        """The answer for a picture, by the longest end of its name that any has."""
        if self.by_number:
            number = sample.number if isinstance(sample, InstanceSample) else None
            return self.by_number.get(number) if number is not None else None
        name = sample.image.as_posix() if isinstance(sample.image, Path) else sample.id
        found = next((self.by_name[end] for end in _ends(name) if end in self.by_name), [])
        if len(found) > 1:
            raise UsageError(
                f"Several predictions fit the picture {name}; expected one, so give pictures of "
                "one name their folders or make the names different."
            )
        return found[0] if found else None


def _ends(name: str) -> list[str]:
    """Three, two and one parts of a name, then its stem."""
    path = PurePath(name)
    ends = ["/".join(path.parts[-count:]) for count in (3, 2, 1)]
    return list(dict.fromkeys([*ends, f"{path.stem} without its ending"]))


def _name_of(result: Result, place: int) -> str:
    named = result.origin.file_name if result.origin else None
    return named or (result.path.as_posix() if result.path else f"image-{place + 1}")


def _unique(names: Iterable[str]) -> Iterator[str]:
    seen: dict[str, int] = defaultdict(int)
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def _score(
    answer: Result | None,
    sample: SemanticSample | InstanceSample,
    dataset: LabelMapDataset | InstanceTables | FileObjects,
) -> Record:
    if isinstance(sample, SemanticSample) and isinstance(dataset, LabelMapDataset):
        size_hw = (sample.truth.shape[0], sample.truth.shape[1])
        known = _known(answer, dataset.classes, size_hw)
        if known.size_hw != size_hw:
            raise DatasetError(f"{sample.id} is predicted at {known.size_hw}, but is {size_hw}.")
        return semantic.score_result(known, sample, dataset.classes)
    assert isinstance(sample, InstanceSample) and not isinstance(dataset, LabelMapDataset)
    size_hw = sample.objects[0].mask.size_hw if sample.objects else (1, 1)
    known = _known(answer, dataset.classes, answer.size_hw if answer else size_hw)
    return instances.score_result(known, sample, dataset)


def _known(answer: Result | None, classes: ClassList, size_hw: tuple[int, int]) -> Result:
    """The answer without labels that the truth does not have; an empty one for none."""
    if answer is None:
        return result_from_regions(size_hw, (), source="file")
    items = [item for item in answer.instances if item.label in classes.number]
    plain = result_from_regions(answer.size_hw, items, source="file", path=answer.path)
    return replace(plain, origin=answer.origin)
