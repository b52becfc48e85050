"""A detection function for CVAT's auto-annotation.

CVAT's command line takes it by the name of this module::

    cvat-cli task auto-annotate 7 --function-module lexiseg.integrations.cvat \\
        -p names=str:"dog, red car" -p preset=str:paper

and from Python it is what `create` gives, for ``cvat_sdk.auto_annotation.annotate_task``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import lexiseg
from lexiseg.errors import MissingExtraError, UnknownNameError
from lexiseg.io.coco import POLYGON_TOLERANCE
from lexiseg.ops.polygons import join_rings, mask_to_polygons
from lexiseg.types import Instance, Method, Names, Vocabulary

if TYPE_CHECKING:
    from cvat_sdk.auto_annotation import DetectionFunctionContext, DetectionFunctionSpec
    from cvat_sdk.models import LabeledShapeRequest
    from PIL import Image

Drawing = Literal["mask", "polygon", "rectangle"]


class CvatFunction:
    """Finds a fixed list of names; labels of a task are matched with them by name.

    Args:
        method: that is asked.
        names: labels to look for; all of them compete, whatever a task has.
        shape: what regions become.
        tolerance: of polygons, in pixels.
    """

    def __init__(
        self,
        method: Method,
        names: Names,
        shape: Drawing = "mask",
        tolerance: float = POLYGON_TOLERANCE,
    ) -> None:
        self._method = method
        self._vocabulary = Vocabulary.parse(names)
        self._shape, self._tolerance = shape, tolerance

    @cached_property
    def spec(self) -> DetectionFunctionSpec:
        """One label per name, numbered from 1 in the order given."""
        from cvat_sdk.auto_annotation import DetectionFunctionSpec, label_spec

        labels = [
            label_spec(name, number, type=self._shape)
            for number, name in enumerate(self._vocabulary.names, start=1)
        ]
        return DetectionFunctionSpec(labels=labels)

    def detect(
        self, context: DetectionFunctionContext, image: Image.Image
    ) -> list[LabeledShapeRequest]:
        """Shapes of one picture.

        Args:
            context: its ``conf_threshold`` is the least score of a region, beside the method's
                own thresholds; with ``conv_mask_to_poly`` masks become polygons.
            image: the picture.
        """
        result = self._method.segment(image, self._vocabulary)
        least = context.conf_threshold or 0.0
        polygons = context.conv_mask_to_poly and self._shape == "mask"
        shape = "polygon" if polygons else self._shape
        regions = [item for item in result.instances if item.score >= least and item.mask.area]
        return [drawn for item in regions for drawn in self._drawn(item, shape)]

    def _drawn(self, item: Instance, shape: Drawing) -> list[LabeledShapeRequest]:
        """A region as shapes; a polygon for each of its parts, with holes joined by a bridge."""
        from cvat_sdk.auto_annotation import mask, polygon, rectangle
        from cvat_sdk.masks import encode_mask

        label = self._vocabulary.names.index(item.label) + 1
        score = min(max(float(item.score), 0.0), 1.0)
        x, y, width, height = item.mask.bbox
        corners = [float(x), float(y), float(x + width), float(y + height)]
        if shape == "mask":
            return [mask(label, encode_mask(item.mask.to_array(), corners), score=score)]
        if shape == "rectangle":
            return [rectangle(label, corners, score=score)]
        parts = mask_to_polygons(item.mask.to_array(), self._tolerance)
        rings = (join_rings(part.rings).ravel().tolist() for part in parts)
        return [polygon(label, ring, score=score) for ring in rings]


def create(
    names: str,
    method: str = "car",
    preset: str = "paper",
    shape: str = "mask",
    tolerance: float = POLYGON_TOLERANCE,
    **options: object,
) -> CvatFunction:
    """What ``cvat-cli --function-module lexiseg.integrations.cvat`` calls.

    Args:
        names: labels to look for, with commas.
        method: a name of `lexiseg.registry.METHODS`.
        preset: as for `lexiseg.load`.
        shape: "mask", "polygon" or "rectangle".
        tolerance: pixels that a dropped corner of a polygon may lie from its outline.
        options: as for `lexiseg.load`: ``device``, ``dtype`` and settings of the method.

    Raises:
        MissingExtraError: the SDK of CVAT is not installed.
        UsageError: no names, or an option out of its range.
        UnknownNameError: no such method, preset, option or shape.
        WeightsNotFoundError: the weights are not on this machine.
    """
    try:
        import cvat_sdk.auto_annotation  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("A function for CVAT", "cvat") from error
    kinds = get_args(Drawing)
    if shape not in kinds:
        raise UnknownNameError("shape", shape, kinds)
    drawing: Drawing = next(kind for kind in kinds if kind == shape)
    asked = Vocabulary.parse(names)
    return CvatFunction(lexiseg.load(method, preset=preset, **options), asked, drawing, tolerance)
