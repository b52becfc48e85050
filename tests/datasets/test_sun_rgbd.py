from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lexiseg.datasets import IGNORE
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS


def test_pictures_and_maps_pair_up_by_their_order(layouts: Any, tmp_path: Path) -> None:
    for number, value in (("a", 0), ("b", 37), ("c", 38)):
        layouts.photo(tmp_path / f"image/test/img-{number}.jpg", (1, 1))
        layouts.labels(tmp_path / f"label37/test/map-{number}.png", [[value]])
    dataset = DATASETS["sun37"](tmp_path)
    assert [int(sample.truth[0, 0]) for sample in dataset] == [IGNORE, 37, IGNORE]
    layouts.photo(tmp_path / "image/test/img-d.jpg", (1, 1))
    with pytest.raises(DatasetError, match="4 pictures but .* 3 maps"):
        DATASETS["sun37"](tmp_path)
