"""The terms under which a number was measured, and whether two numbers may be compared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TypedDict

from lexiseg.datasets import AnyDataset
from lexiseg.evaluation.asking import has_names
from lexiseg.types import Recipe, study_versions

# Two numbers measure the same thing only if these agree; the rest is what is being compared.
_DECISIVE = (
    "dataset",
    "split",
    "task",
    "classes",
    "prompts",
    "background",
    "asking",
    "asked",
    "images",
)


class TaskTerms(TypedDict, total=False):
    """What a kind of question says of its measurement in place of the data set; see `Protocol`."""

    task: str
    background: str
    asked: str
    asking: str


@dataclass(frozen=True)
class Protocol:
    """Everything a reader must know about a number.

    Args:
        dataset: registry name.
        split: of the data set.
        task: semantic, instances, panoptic, referring or video.
        classes: class names asked about; empty for sentences.
        class_list: where the names come from.
        wording: where the prompts come from.
        prompts: text shown for each class.
        background: "counted as a class" or "left out".
        asked: see `asked_of`.
        asking: prompts="oracle" (the classes of each image's truth), "global" (all classes in
            every image), "chosen" (the data set chooses for every image) or "sentences".
        images: number of images (or clips) the number rests on.
        input_size: what the method was given.
        method: registry name.
        settings: the method's full config: templates, thresholds, prompts, bounds.
        weights: fingerprint per part.
        dtypes: precision per part.
        device: kind of device.
        packages: versions of those whose numbers end up in answers.
        seed: of the bootstrap.
        versions: of lexiseg and Python.
    """

    dataset: str
    split: str
    task: str
    classes: tuple[str, ...]
    class_list: str
    wording: str
    prompts: tuple[str, ...]
    background: str
    asked: str
    images: int
    method: str
    preset: str
    settings: Mapping[str, object]
    weights: Mapping[str, str]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    packages: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    asking: str = "global"
    input_size: str = "the original image file; answers at its size"
    versions: Mapping[str, str] = field(default_factory=study_versions)

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)

    @property
    def terms(self) -> dict[str, object]:
        """What records of one run must share: all but their number and the software's version."""
        return {k: v for k, v in self.to_json().items() if k not in ("images", "versions", "seed")}


def protocol_of(dataset: AnyDataset, recipe: Recipe, *, seed: int, images: int = 0) -> Protocol:
    """Stamp a run before it starts.

    Args:
        dataset: what is asked.
        recipe: who answers.
        seed: of the bootstrap.
        images: how many the numbers will rest on, where that is known before the run ends.
    """
    classes = dataset.classes if has_names(dataset) else None
    return Protocol(
        dataset=dataset.name,
        split=dataset.split,
        task=dataset.task,
        classes=classes.names if classes else (),
        class_list=classes.name if classes else "sentences",
        wording=classes.wording if classes else "sentences in lower case, without quotes, slashes",
        prompts=classes.prompts if classes else (),
        background=_background(dataset),
        asked=asked_of(dataset),
        asking=asking_of(dataset),
        images=images,
        method=recipe.method,
        preset=recipe.preset,
        settings=recipe.settings,
        weights=recipe.weights,
        dtypes=recipe.dtypes,
        device=recipe.device,
        packages=recipe.versions,
        seed=seed,
    )


def asked_of(dataset: AnyDataset) -> str:
    """What is asked in an image, in words."""
    if not has_names(dataset):
        return "the sentences of each image"
    return "names chosen per image" if dataset.asks_per_image else "all classes in every image"


def asking_of(dataset: AnyDataset) -> str:
    """How that is chosen, in a word; see `Protocol`."""
    if not has_names(dataset):
        return "sentences"
    return "chosen" if dataset.asks_per_image else "global"


def _background(dataset: AnyDataset) -> str:
    counted = dataset.task == "semantic" and dataset.counts_background
    return "counted as a class" if counted else "left out"


def protocols_comparable(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two results measure the same thing; warns with the reasons if they do not.

    Args:
        one: protocol of a result file (its key ``"protocol"``).
        other: as `one`.

    Example:
        >>> protocols_comparable({"dataset": "voc21"}, {"dataset": "voc21"})
        True
    """
    reasons = protocol_differences(one, other)
    if reasons:
        warnings.warn("These results are not comparable: " + "; ".join(reasons), stacklevel=2)
    return not reasons


def protocol_differences(one: Mapping[str, object], other: Mapping[str, object]) -> tuple[str, ...]:
    """One clause per decisive difference, e.g. ``"background: left out / counted as a class"``."""
    return tuple(
        f"{key}: {_short(one.get(key))} / {_short(other.get(key))}"
        for key in _DECISIVE
        if _plain(one.get(key)) != _plain(other.get(key))
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value


def _short(value: object) -> str:
    return f"{len(value)} entries" if isinstance(value, list | tuple) else str(value)
