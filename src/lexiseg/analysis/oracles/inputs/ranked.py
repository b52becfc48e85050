"""Candidates of methods that score masks of names one by one: what they list before they filter.

TIDES, OpenWorldSAM and others have no "no object"; a threshold on the score plays its part. Asked
with their filters off, their answer is what they chose from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch

from lexiseg.analysis.oracles.case import SURE, CandidateSet
from lexiseg.errors import UsageError
from lexiseg.types import Instances

UNFILTERED: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "tides": {
            "min_margin": -2.0, "min_density": 0.0, "cluster": "all", "nms_iou": 1.0,
            "min_semantic": 0.0, "min_score": 0.0, "across_classes": "none",
        },
        "openworldsam": {"presence": "none", "min_score": 0.0, "nms_iou": 1.0},
    }
)  # fmt: skip
"""Settings under which methods list their candidates."""


def candidates_of_regions(
    regions: Instances, names: Sequence[str], most: int | None = None
) -> CandidateSet:
    """Regions of an answer as candidates.

    Args:
        regions: of ``method.configured(**UNFILTERED[NAME]).segment(picture, names).instances``.
        names: classes of the truth, in the order of their numbers.
        most: only so many, those of the highest scores; None takes all.

    Returns:
        Candidates whose class has the region's score as its probability; none has a void.

    Raises:
        UsageError: a region has a name that is none of the classes.
    """
    ranked = sorted(regions, key=lambda item: -item.score)[:most]
    place = {name: number for number, name in enumerate(names)}
    if odd := [item.label for item in ranked if item.label not in place]:
        raise UsageError(f"A region is called {odd[0]!r}; expected one of the {len(place)} names.")
    masks = np.zeros((len(ranked), *regions.size_hw), dtype=bool)
    classes = torch.zeros(len(ranked), len(place))
    for row, item in enumerate(ranked):
        masks[row] = item.mask.to_array()
        classes[row, place[item.label]] = float(item.score)
    logits = torch.from_numpy(masks).float().sub(0.5).mul(2 * SURE)
    return CandidateSet(logits, classes.clamp(0, 1), torch.zeros(len(ranked)))
