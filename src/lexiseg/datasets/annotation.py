"""COCO instance annotations: the JSON tables and the masks in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import DatasetError
from lexiseg.ops.coco_polygons import polygons_to_mask
from lexiseg.types import Mask


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DatasetError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"Annotation file {path} cannot be read ({error}).") from error


def read_instances(path: Path) -> dict[str, Any]:
    """A COCO instances file with its three tables.

    Raises:
        DatasetError: it cannot be read or a table is missing.
    """
    loaded = read_json(path)
    tables = ("images", "annotations", "categories")
    if not isinstance(loaded, dict) or any(table not in loaded for table in tables):
        raise DatasetError(f"Annotation file {path} must hold the tables {', '.join(tables)}.")
    return loaded


def annotation_mask(annotation: Mapping[str, Any], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The (H, W) bool mask of one annotation: polygons, or run lengths of either form."""
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, Mapping):
        return Mask.from_coco(segmentation).to_array()
    return polygons_to_mask(segmentation, size_hw)
