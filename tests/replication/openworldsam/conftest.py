"""Scenes of Miniworld and answers to them that are made from their truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.sample import PanopticSample
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
)


@pytest.fixture(scope="session")
def scenes() -> MiniworldSegments:
    return MiniworldSegments(Miniworld("test", size=64, seed=5), 3)


def answer_like(
    sample: PanopticSample, scenes: MiniworldSegments, lost: int = 0, believed: bool = True
) -> Result:
    """The truth as an answer, without the first rows of pixels.

    Args:
        sample: what is asked.
        scenes: their classes.
        lost: rows of pixels that no region covers.
        believed: absent names are taken to be there as well.
    """
    names, stuff = scenes.classes.names, scenes.classes.stuff
    asked = range(len(names)) if sample.asked is None else sample.asked
    regions = []
    for item in sample.segments:
        mask = sample.ids == item.id
        mask[:lost] = False
        if mask.any() and item.class_index in asked:
            label = names[item.class_index]
            regions.append(Instance(label, 0.9, Mask.from_array(mask), label not in stuff))
    there = {item.class_index for item in sample.segments}
    verdicts = [
        Presence(names[k], 0.9 if k in there else 0.2, believed or k in there, "") for k in asked
    ]
    size = (sample.ids.shape[0], sample.ids.shape[1])
    return Result(
        size,
        tuple(names[k] for k in asked),
        Instances(tuple(regions), size),
        PresenceTrace(verdicts),
        Recipe("openworldsam", "mini"),
    )


@pytest.fixture(scope="session")
def like_truth() -> Callable[..., Result]:
    return answer_like


@pytest.fixture
def image() -> np.ndarray:
    return np.zeros((8, 8, 3), dtype=np.uint8)
