"""Which names an image is asked about: the data set's choice, or those that the truth shows.

Under "oracle" prompts a wrong name can only be that of another class of the same image, so that
their numbers are not comparable with any others; the protocol says which they are.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from typing import Literal, TypeGuard, TypeVar, get_args

import numpy as np

from lexiseg.datasets import (
    AnyDataset,
    InstanceDataset,
    InstanceSample,
    PanopticDataset,
    PanopticSample,
    SemanticDataset,
    SemanticSample,
)
from lexiseg.datasets.sample import IGNORE
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.types import (
    EncodedImage,
    Instances,
    Method,
    PresenceTrace,
    Result,
    Vocabulary,
)

Prompts = Literal["global", "oracle"]
SampleT = TypeVar("SampleT", SemanticSample, InstanceSample, PanopticSample)
NamedDataset = SemanticDataset | InstanceDataset | PanopticDataset
_SEED = 42  # of the draw where an image shows more classes than are asked


def has_names(dataset: AnyDataset) -> TypeGuard[NamedDataset]:
    """Whether a data set is asked about with names of classes."""
    return dataset.task in ("semantic", "instances", "panoptic")


def present_classes(sample: SemanticSample | InstanceSample | PanopticSample) -> tuple[int, ...]:
    """Class indices that the truth of an image shows, crowds left out, in ascending order."""
    if isinstance(sample, SemanticSample):
        labels = np.unique(sample.truth).tolist()
        return tuple(label - 1 for label in labels if 0 < label < IGNORE)
    items = sample.objects if isinstance(sample, InstanceSample) else sample.segments
    return tuple(sorted({item.class_index for item in items if not item.crowd}))


def asking_present(sample: SampleT, most: int | None = None) -> SampleT:
    """The sample, asked about the classes that its truth shows.

    Args:
        sample: of any kind that is asked about with names.
        most: of more classes, so many are drawn, always the same ones for an image.
    """
    present = present_classes(sample)
    if most is not None and len(present) > most:
        present = tuple(sorted(random.Random(f"{_SEED} {sample.id}").sample(present, most)))
    return replace(sample, asked=present)


def most_asked(dataset: NamedDataset) -> int | None:
    """Most names of an image under oracle prompts; None for all."""
    return dataset.most_asked if dataset.task == "panoptic" else None


def check_prompts(prompts: str, dataset: AnyDataset) -> None:
    """Refuse a choice that does not fit the data set.

    Raises:
        UnknownNameError: there is no such choice.
        UsageError: the data set is asked about with sentences.
    """
    if prompts not in get_args(Prompts):
        raise UnknownNameError("choice of prompts", prompts, get_args(Prompts))
    if prompts == "oracle" and not has_names(dataset):
        raise UsageError(
            f"Data set {dataset.name!r} is asked about with sentences, which are always those of "
            "its truth; leave --prompts out."
        )


def oracle_words(dataset: NamedDataset) -> str:
    """What is asked under oracle prompts, in words."""
    most = most_asked(dataset)
    bound = f", at most {most}" if most else ""
    return f"the classes of each image's truth{bound}"


def ask(method: Method, scene: EncodedImage, vocabulary: Vocabulary) -> Result:
    """The method's answer; without a name to ask for, an answer in which nothing was found.

    Under oracle prompts an image without a class is not asked. (The released program asks for
    "object" there and counts it as the first class.)
    """
    if vocabulary.names:
        return method.segment(scene, vocabulary)
    nothing = Instances((), scene.size_hw)
    return Result(scene.size_hw, (), nothing, PresenceTrace(()), method.recipe())


def mixed_prompts(found: Collection[str]) -> str:
    """The warning over a table whose rows were asked in different ways; empty if all are alike.

    Args:
        found: `asking` of the protocol of every row.

    Example:
        >>> mixed_prompts(["oracle", "oracle"])
        ''
    """
    different = sorted(set(found))
    if len(different) < 2:
        return ""
    return (
        f"Warning: protocols meet in this table (prompts={' and prompts='.join(different)}); "
        "numbers under different ones are not comparable."
    )
