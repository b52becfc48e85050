"""A model for FiftyOne: `apply_model` fills a field of a data set with what a method finds.

::

    from lexiseg.integrations.fiftyone import load_model

    model = load_model(["dog", "red car"], method="tides", preset="paper")
    dataset.apply_model(model, label_field="lexiseg")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

import lexiseg
from lexiseg.errors import MissingExtraError, UnknownNameError
from lexiseg.types import Instance, Method, Names, Recipe, Result, Vocabulary

if TYPE_CHECKING:
    from fiftyone.core.labels import Detection, Detections, Segmentation

try:
    import fiftyone.core.labels as labels
    from fiftyone.core.models import Model
except ImportError as error:
    raise MissingExtraError("A model for FiftyOne", "fiftyone") from error

Answer = Literal["instances", "semantic"]


class FiftyOneModel(Model):  # type: ignore[misc,unused-ignore]
    """A method that looks for a fixed list of names.

    Args:
        method: that is asked.
        classes: names to look for.
        answer: "instances", `Detections` with a mask in each box, or "semantic", a `Segmentation`.

    Attributes:
        mask_targets: number -> name of a `Segmentation`'s pixels, as data sets store it; 0 is
            background.
    """

    def __init__(self, method: Method, classes: Names, answer: Answer = "instances") -> None:
        self._method = method
        self._vocabulary = Vocabulary.parse(classes)
        self._answer = answer
        self.mask_targets = dict(enumerate(self._vocabulary.names, start=1))

    @property
    def config(self) -> Recipe:
        """What decides the answers; it has none of the settings that FiftyOne would change."""
        return self._method.recipe()

    @property
    def media_type(self) -> str:
        """What it is applied to."""
        return "image"

    @property
    def ragged_batches(self) -> bool:
        """Pictures of different sizes are not stacked."""
        return True

    @property
    def transforms(self) -> None:
        """Methods prepare pictures by themselves."""
        return None

    @property
    def preprocess(self) -> bool:
        """Whether `transforms` have to be applied; there are none."""
        return False

    def predict(self, arg: NDArray[np.uint8]) -> Detections | Segmentation:
        """Labels of one picture.

        Args:
            arg: (H, W, 3) uint8 RGB, or (H, W) grey.

        Returns:
            what was asked for; its field ``refused`` says of each absent name why.
        """
        result = self._method.segment(arg, self._vocabulary)
        refused = {v.name: v.reason for v in result.presence.values() if not v.kept}
        if self._answer == "semantic":
            return labels.Segmentation(mask=_ids(result), refused=refused)
        found = [_detection(item) for item in result.instances if item.mask.area]
        return labels.Detections(detections=found, refused=refused)


def _ids(result: Result) -> NDArray[np.uint16] | NDArray[np.uint8]:
    ids = result.semantic.ids
    return ids.astype(np.uint8) if len(result.names) < 2**8 else ids


def _detection(item: Instance) -> Detection:
    """Shares of the picture's width and height, and the mask within its box."""
    x, y, width, height = item.mask.bbox
    rows, columns = item.mask.size_hw
    return labels.Detection(
        label=item.label,
        confidence=float(item.score),
        bounding_box=[x / columns, y / rows, width / columns, height / rows],
        mask=item.mask.to_array()[y : y + height, x : x + width],
    )


def load_model(
    classes: Names,
    *,
    method: str = "tides",
    preset: str = "paper",
    answer: str = "instances",
    **options: object,
) -> FiftyOneModel:
    """Load a method as a model of FiftyOne.

    Args:
        classes: names to look for.
        method: a name of `lexiseg.registry.METHODS`.
        preset: as for `lexiseg.load`.
        answer: "instances" or "semantic".
        options: as for `lexiseg.load`.

    Raises:
        UnknownNameError: no such method, preset, option or answer.
        UsageError: no names, or an option out of its range.
        WeightsNotFoundError: the weights are not on this machine.
    """
    kinds = get_args(Answer)
    if answer not in kinds:
        raise UnknownNameError("answer", answer, kinds)
    kind: Answer = next(known for known in kinds if known == answer)
    asked = Vocabulary.parse(classes)
    return FiftyOneModel(lexiseg.load(method, preset=preset, **options), asked, kind)
