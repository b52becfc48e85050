"""What readers share: sound numbers, and verdicts of files that hold regions only."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.io.image import MAX_PIXELS
from lexiseg.io.reading import checked_size, result_from_regions
from lexiseg.types import Instance, Mask


def region(label, score):
    return Instance(label, score, Mask.from_array(np.eye(4, dtype=bool)))


def test_a_name_is_as_sure_as_its_best_region():
    items = [region("dog", 0.25), region("cat", 0.5), region("dog", 0.75), region("dog", 0.5)]
    result = result_from_regions((4, 4), items, source="coco", names=["bird", "dog", "fox"])
    assert result.names == ("bird", "dog", "fox", "cat")
    verdicts = {name: (entry.score, entry.kept) for name, entry in result.presence.items()}
    assert verdicts == {
        "bird": (0.0, False), "dog": (0.75, True), "fox": (0.0, False), "cat": (0.5, True)
    }  # fmt: skip
    assert result.presence["dog"].reason == "read from a coco file"
    assert result.presence["fox"].reason == "no region in the coco file"
    assert (result.recipe.method, result.recipe.preset) == ("file", "coco")


def test_refused_names_keep_the_score_that_the_file_tells():
    result = result_from_regions(
        (4, 4), [region("dog", 0.5)], source="csv", names=["fox"], scores={"fox": 0.25, "dog": 0.1}
    )
    assert result.presence["fox"].score == 0.25 and not result.presence["fox"].kept
    assert result.presence["dog"].score == 0.5


def test_sizes_of_pictures_are_bounded():
    assert checked_size("3", 4.0) == (3, 4) and checked_size(1, 1) == (1, 1)
    assert checked_size(1, MAX_PIXELS) == (1, MAX_PIXELS)
    for wrong in ((0, 4), (4, -1), (2, MAX_PIXELS)):
        with pytest.raises(ValueError, match="a picture of"):
            checked_size(*wrong)
