"""A small answer with everything in it."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result


def box_mask(left: int, right: int) -> Mask:
    array = np.zeros((4, 6), bool)
    array[:, left:right] = True
    return Mask.from_array(array)


@pytest.fixture
def result() -> Result:
    items = (
        Instance("dog", 0.9, box_mask(0, 3)),
        Instance("cat", 0.5, box_mask(2, 5)),
        Instance("grass", 0.99, box_mask(0, 6), is_thing=False),
    )
    presence = PresenceTrace(
        [
            Presence("dog", 0.9, True, "kept"),
            Presence("cat", 0.5, True, "kept"),
            Presence("grass", 0.99, True, "kept"),
            Presence("zebra", 0.1, False, "removed in step 1", 1),
        ]
    )
    return Result(
        (4, 6),
        ("dog", "cat", "grass", "zebra"),
        Instances(items, (4, 6)),
        presence,
        Recipe("car", "mini", timing_ms={"total": 1.23456}),
    )
