"""To and from the ``Detections`` of the supervision library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.io.coco_tables import NO_CATEGORY
from lexiseg.io.reading import result_from_regions
from lexiseg.types import Instance, Mask, Result

if TYPE_CHECKING:
    from supervision import Detections


def to_supervision(result: Result) -> Detections:
    """``supervision.Detections`` with masks, scores, class numbers and ``data["class_name"]``.

    Class numbers count the names asked from 0.

    Raises:
        MissingExtraError: supervision is not installed.
    """
    try:
        from supervision import Detections
    except ImportError as error:
        raise MissingExtraError("supervision.Detections", "supervision") from error
    found = result.instances
    if not len(found):
        return Detections.empty()
    number = {name: index for index, name in enumerate(result.names)}
    return Detections(
        xyxy=found.boxes_xyxy,
        mask=found.dense_masks(),
        confidence=found.scores,
        class_id=np.array([number[label] for label in found.labels]),
        data={"class_name": np.array(found.labels)},
    )


def from_supervision(detections: Detections, size_hw: tuple[int, int] | None = None) -> Result:
    """A result from ``supervision.Detections`` that have masks.

    Args:
        detections: names are taken from ``data["class_name"]``, else class numbers are names;
            without either (as segmenters of everything give them) the label is "object".
        size_hw: needed where there is no detection to tell it.

    Raises:
        UsageError: there are boxes but no masks, or no size.
    """
    if len(detections) and detections.mask is None:
        raise UsageError("These detections have boxes only; expected masks.")
    if not len(detections) and size_hw is None:
        raise UsageError("Detections without any region do not tell the picture's size; give it.")
    count = len(detections)
    names = (detections.data or {}).get("class_name", detections.class_id)
    names = names if names is not None else [NO_CATEGORY] * count
    scores = detections.confidence if detections.confidence is not None else [1.0] * count
    masks = () if detections.mask is None else detections.mask
    items = (
        [
            Instance(str(name), float(score), Mask.from_array(np.asarray(mask)))
            for name, score, mask in zip(names, scores, masks, strict=True)
        ]
        if count
        else []
    )
    size = items[0].mask.size_hw if items else size_hw
    return result_from_regions(size or (0, 0), items, source="supervision")
