"""To and from the answers of Hugging Face's image-segmentation pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.reading import result_from_regions
from lexiseg.types import Instance, Mask, Result


def to_huggingface(result: Result) -> list[dict[str, object]]:
    """A list of ``{"label", "score", "mask"}``; masks are grey Pillow images with 0 and 255."""
    return [
        {
            "label": item.label,
            "score": float(item.score),
            "mask": Image.fromarray(item.mask.to_array()).convert("L"),
        }
        for item in result.instances
    ]


def from_huggingface(
    answer: Iterable[Mapping[str, object]], size_hw: tuple[int, int] | None = None
) -> Result:
    """A result from such a list; a missing score counts as 1.

    Args:
        answer: entries with a Pillow or (H, W) array mask.
        size_hw: needed where there is no entry to tell it.

    Raises:
        UsageError: the list is empty and no size is given, or an entry lacks label or mask.
    """
    try:
        items = [_instance(entry) for entry in answer]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError("Each entry needs a 'label', a 'mask' and perhaps a 'score'.") from error
    if not items and size_hw is None:
        raise UsageError("An empty list does not tell the picture's size; give it.")
    size = items[0].mask.size_hw if items else size_hw
    return result_from_regions(size or (0, 0), items, source="huggingface")


def _instance(entry: Mapping[str, Any]) -> Instance:
    score = entry.get("score")
    mask = Mask.from_array(np.asarray(entry["mask"]))
    return Instance(str(entry["label"]), 1.0 if score is None else float(score), mask)
