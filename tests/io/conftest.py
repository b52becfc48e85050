"""Results to write: overlapping regions with holes and parts, awkward names, refused names."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
)

SIZE_HW = (40, 56)
NAMES = ("dog", "red/blue car", "狗 🐕 كلب", "CON", "zebra")


def region(rows, columns, hole=None, part=None):
    mask = np.zeros(SIZE_HW, dtype=bool)
    mask[rows, columns] = True
    if hole:
        mask[hole] = False
    if part:
        mask[part] = True
    return Mask.from_array(mask)


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
    path = tmp_path / "pictures" / "street.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def result(picture):
    """Five names asked, three regions of two of the names plus one of a third, one refused."""
    items = (
        Instance("dog", 0.912345, region(np.s_[4:20], np.s_[3:30], np.s_[8:12, 9:15])),
        Instance("dog", 0.5, region(np.s_[25:39], np.s_[1:9], None, np.s_[30:33, 40:55])),
        Instance("red/blue car", 0.25, region(np.s_[10:30], np.s_[20:50])),
        Instance("狗 🐕 كلب", 0.75, region(np.s_[0:1], np.s_[0:1]), is_thing=False),
        Instance("CON", 0.3, region(np.s_[39:40], np.s_[:])),
    )
    presence = [
        Presence(name, 0.9 if name != "zebra" else 0.125, name != "zebra", "said so")
        for name in NAMES
    ]
    recipe = Recipe("car", "mini", timing_ms={"encode": 1.5})
    found = Instances(items, SIZE_HW)
    image = np.asarray(Image.open(picture))
    return Result(SIZE_HW, NAMES, found, PresenceTrace(presence), recipe, picture, image)


@pytest.fixture
def empty_result(picture):
    """One name asked, nothing found."""
    presence = PresenceTrace([Presence("zebra", 0.0, False, "absent")])
    nothing = Instances((), SIZE_HW)
    path = picture.with_name("empty.png")
    Image.new("RGB", SIZE_HW[::-1]).save(path)
    return Result(SIZE_HW, ("zebra",), nothing, presence, Recipe("car", "mini"), path)


@pytest.fixture
def regions_of():
    """What a round trip must keep: label, score and mask of every region."""
    return lambda result: [(item.label, item.score, item.mask) for item in result.instances]
