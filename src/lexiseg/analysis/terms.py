"""What a reader must know about the numbers of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lexiseg.datasets import AnyDataset, InstanceDataset, check_dataset
from lexiseg.errors import DatasetError
from lexiseg.types import Recipe, study_versions


@dataclass(frozen=True)
class Terms:
    """Everything a reader must know about the numbers of a study.

    Attributes:
        study: its name.
        dataset: name of the data set.
        split: of the data set.
        classes: names in index order.
        settings: of the study.
        recipe: of the method that is studied.
        versions: of lexiseg and Python.
    """

    study: str
    dataset: str
    split: str
    classes: tuple[str, ...]
    settings: Mapping[str, Any]
    recipe: Recipe
    versions: Mapping[str, str] = field(default_factory=study_versions)

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {**asdict(self), "recipe": self.recipe.to_json()}

    @property
    def binding(self) -> dict[str, object]:
        """What the records of one file must share: all but versions."""
        return {key: value for key, value in self.to_json().items() if key != "versions"}


def with_objects(dataset: AnyDataset) -> InstanceDataset:
    """The data set, once it is known to have masks of single objects.

    Raises:
        DatasetError: it has none, or lacks what such a data set needs.
    """
    if getattr(dataset, "task", "instances") == "instances":
        check_dataset(dataset)
    if dataset.task != "instances":
        raise DatasetError(
            f"Data set {dataset.name!r} has no masks of single objects; use miniworld, or any "
            "folder in COCO's layout."
        )
    return dataset
