"""One batch as a picture."""

from __future__ import annotations

import numpy as np

from lexiseg.training.openworldsam.batches import Asked
from lexiseg.training.openworldsam.examples import Example
from lexiseg.training.openworldsam.preview import as_result, draw_batch
from lexiseg.types import Mask

MASK = Mask.from_array(np.eye(40, 60, dtype=bool))
PICTURE = Example("1", np.full((40, 60, 3), 120, np.uint8), (40, 60), ())
ASKED = Asked(PICTURE, ("dog", "cat"), ((MASK, MASK), ()))


def test_what_is_asked_and_what_is_right() -> None:
    result = as_result(ASKED)
    assert result.names == ("dog", "cat") and result.presence.kept == ("dog",)
    assert [item.label for item in result.instances] == ["dog", "dog"]
    assert all(item.mask == MASK for item in result.instances)


def test_every_picture_of_the_batch_is_drawn() -> None:
    one, three = draw_batch([ASKED]), draw_batch([ASKED] * 3)
    assert three.width > 2 * one.width and three.height == one.height
    assert len(np.unique(np.asarray(one).reshape(-1, 3), axis=0)) > 3
