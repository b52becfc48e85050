"""What a data set offers: one protocol for each kind of question, checked before it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.sample import (
    InstanceSample,
    PanopticSample,
    ReferringSample,
    SemanticSample,
    VideoSample,
)
from lexiseg.errors import DatasetError, UnknownNameError

Task = Literal["semantic", "instances", "panoptic", "referring", "video"]
SampleT = TypeVar("SampleT", covariant=True)


class Dataset(Protocol[SampleT]):
    """A lazy sequence of samples with what a reader of its numbers must know.

    Samples are read when indexed; ``ids`` are all different, and each is the ``id`` of its sample.
    """

    @property
    def name(self) -> str:
        """Of the data set, as in a report."""
        ...

    @property
    def split(self) -> str:
        """Which part of it, and whatever else fixes the samples (a seed, a picture size)."""
        ...

    @property
    def task(self) -> Task:
        """The kind of question."""
        ...

    @property
    def ids(self) -> Sequence[str]:
        """One per sample."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> SampleT: ...


class ClassDataset(Dataset[SampleT], Protocol[SampleT]):
    """A data set that is asked about with the names of classes."""

    @property
    def classes(self) -> ClassList:
        """What is asked for."""
        ...

    @property
    def asks_per_image(self) -> bool:
        """Whether samples choose which classes are asked (``asked``); otherwise all are."""
        ...


class SemanticDataset(ClassDataset[SemanticSample], Protocol):
    """Every pixel has a class, or none."""

    @property
    def task(self) -> Literal["semantic"]:
        """The kind of question."""
        ...

    @property
    def counts_background(self) -> bool:
        """Whether the published metric counts background as a class."""
        ...

    @property
    def has_void(self) -> bool:
        """Whether `lexiseg.datasets.IGNORE` marks pixels that nobody judges.

        False where it marks pixels that merely have no class: a segment that names itself and
        claims them is then wrong.
        """
        ...


class InstanceDataset(ClassDataset[InstanceSample], Protocol):
    """Single objects with masks."""

    @property
    def task(self) -> Literal["instances"]:
        """The kind of question."""
        ...

    @property
    def category_ids(self) -> Sequence[int]:
        """Number of each class in files of results."""
        ...

    @property
    def federated(self) -> bool:
        """Whether each image speaks of some classes only, and LVIS's rules hold."""
        ...

    @property
    def frequencies(self) -> Sequence[str]:
        """ "r", "c" or "f" for each class; empty where classes are not grouped."""
        ...


class PanopticDataset(ClassDataset[PanopticSample], Protocol):
    """Every pixel belongs to one segment, or to none that is judged.

    Classes in ``classes.stuff`` have one segment in an image, others one for each object.
    """

    @property
    def task(self) -> Literal["panoptic"]:
        """The kind of question."""
        ...

    @property
    def category_ids(self) -> Sequence[int]:
        """Number of each class in files of results."""
        ...

    @property
    def most_asked(self) -> int | None:
        """Most names that an image is asked about where only those present are; None for all."""
        ...


class ReferringDataset(Dataset[ReferringSample], Protocol):
    """Objects that sentences mean."""

    @property
    def task(self) -> Literal["referring"]:
        """The kind of question."""
        ...


class VideoDataset(Dataset[VideoSample], Protocol):
    """Clips with objects that sentences mean."""

    @property
    def task(self) -> Literal["video"]:
        """The kind of question."""
        ...


AnyDataset = SemanticDataset | InstanceDataset | PanopticDataset | ReferringDataset | VideoDataset

_KINDS: dict[Task, tuple[type, type]] = {
    "semantic": (SemanticDataset, SemanticSample),
    "instances": (InstanceDataset, InstanceSample),
    "panoptic": (PanopticDataset, PanopticSample),
    "referring": (ReferringDataset, ReferringSample),
    "video": (VideoDataset, VideoSample),
}


def check_dataset(dataset: AnyDataset) -> None:
    """Find out before the first image what would fail after the last.

    Args:
        dataset: of any reader.

    Raises:
        DatasetError: it lacks something that its kind of question needs, or contradicts itself.
        UnknownNameError: there is no such task.

    Example:
        >>> from lexiseg.registry import DATASETS
        >>> check_dataset(DATASETS["miniworld"](scenes=2))
    """
    _check_members(dataset, Dataset)
    if dataset.task not in _KINDS:
        raise UnknownNameError("task of a data set", dataset.task, _KINDS)
    protocol, kind = _KINDS[dataset.task]
    _check_members(dataset, protocol)
    _check_ids(dataset)
    _check_classes(dataset)
    _check_first_sample(dataset, kind)


def members(protocol: type) -> tuple[str, ...]:
    """What an object must have to fulfil a protocol of data sets, in the order it is written."""
    attributes = [
        name
        for base in reversed(protocol.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, property)
    ]
    return (*dict.fromkeys(attributes), "__len__", "__getitem__")


def _check_members(dataset: object, protocol: type) -> None:
    lacking = [name for name in members(protocol) if not hasattr(dataset, name)]
    if lacking:
        name = getattr(dataset, "name", type(dataset).__name__)
        raise DatasetError(
            f"Data set {name!r} lacks {', '.join(lacking)}; give its reader what "
            f"lexiseg.datasets.{protocol.__name__} lists."
        )


def _check_ids(dataset: Dataset[object]) -> None:
    count, different = len(dataset.ids), len(set(dataset.ids))
    if not count == different == len(dataset):
        raise DatasetError(
            f"Data set {dataset.name!r} has {len(dataset)} samples and {count} ids, {different} "
            "of them different; expected one id for each sample."
        )
    odd = next((given for given in dataset.ids if not isinstance(given, str)), None)
    if odd is not None:
        raise DatasetError(f"Data set {dataset.name!r} has the id {odd!r}; expected texts.")


def _check_classes(dataset: AnyDataset) -> None:
    if dataset.task == "referring" or dataset.task == "video":
        return
    if not isinstance(dataset.classes, ClassList):
        raise DatasetError(
            f"Data set {dataset.name!r} has classes of type {type(dataset.classes).__name__}; "
            "expected a lexiseg.datasets.ClassList."
        )
    if dataset.task == "instances" or dataset.task == "panoptic":
        _check_table(dataset, "category_ids", dataset.category_ids)
    if dataset.task == "instances" and dataset.frequencies:
        _check_table(dataset, "frequencies", dataset.frequencies)


def _check_table(
    dataset: InstanceDataset | PanopticDataset, name: str, table: Sequence[object]
) -> None:
    if len(table) != len(dataset.classes):
        raise DatasetError(
            f"Data set {dataset.name!r} has {len(table)} {name} for {len(dataset.classes)} "
            "classes; expected one for each."
        )


def _check_first_sample(dataset: Dataset[object], kind: type) -> None:
    if not len(dataset):
        return
    try:
        sample = dataset[0]
    except Exception:  # one odd picture costs that picture only, the first as well
        return
    if not isinstance(sample, kind):
        raise DatasetError(
            f"Data set {dataset.name!r} yields samples of type {type(sample).__name__}; expected "
            f"lexiseg.datasets.{kind.__name__}."
        )
