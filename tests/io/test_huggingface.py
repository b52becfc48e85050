"""Hugging Face's lists, both ways."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.errors import UsageError
from lexiseg.io.huggingface import from_huggingface, to_huggingface


def test_regions_come_back(result, regions_of):
    answer = to_huggingface(result)
    assert set(answer[0]) == {"label", "score", "mask"}
    assert answer[0]["mask"].mode == "L"
    assert regions_of(from_huggingface(answer)) == regions_of(result)


def test_semantic_entries_have_no_score():
    (item,) = from_huggingface([{"label": "sky", "score": None, "mask": np.ones((2, 3))}]).instances
    assert (item.label, item.score, item.mask.area) == ("sky", 1.0, 6)


def test_incomplete_entries_are_refused():
    assert from_huggingface([], size_hw=(2, 3)).size_hw == (2, 3)
    for answer in ([], [{"label": "sky"}], [3]):
        with pytest.raises(UsageError):
            from_huggingface(answer)
