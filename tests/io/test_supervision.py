"""supervision's Detections, both ways."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from supervision import Detections

from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.io.supervision import from_supervision, to_supervision


def test_regions_come_back(result):
    detections = to_supervision(result)
    assert detections.xyxy.tolist() == result.instances.boxes_xyxy.tolist()
    assert detections.class_id.tolist() == [0, 0, 1, 2, 3]
    again = from_supervision(detections)
    assert [(item.label, item.mask) for item in again.instances] == [
        (item.label, item.mask) for item in result.instances
    ]
    assert np.allclose(again.instances.scores, result.instances.scores)
    assert (again.recipe.method, again.recipe.preset) == ("file", "supervision")


def test_no_region(empty_result):
    detections = to_supervision(empty_result)
    assert len(detections) == 0
    assert from_supervision(detections, size_hw=(4, 5)).size_hw == (4, 5)
    with pytest.raises(UsageError):
        from_supervision(detections)
    with pytest.raises(UsageError, match="masks"):
        from_supervision(Detections(xyxy=np.zeros((1, 4)), class_id=np.zeros(1, int)))


def test_without_the_library_the_extra_is_named(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtraError, match=r"lexiseg\[supervision\]"):
        to_supervision(result)


def test_detections_without_class_or_score_are_objects():
    mask = np.zeros((1, 16, 20), bool)
    mask[0, 2:8, 2:8] = True

    class Bare:
        mask, data, class_id, confidence = None, {}, None, None

        def __len__(self):
            return 1

    bare = Bare()
    bare.mask = mask
    (item,) = from_supervision(bare).instances
    assert (item.label, item.score, item.mask.area) == ("object", 1.0, 36)
