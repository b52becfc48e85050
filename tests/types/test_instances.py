from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.types import Instances, Result


def test_instances_index_by_label_position_slice_and_mask(result: Result) -> None:
    instances = result.instances
    assert instances["cat"].labels == ("cat",)
    assert instances[0].label == "dog"
    assert instances[1:].labels == ("cat", "grass")
    assert instances[instances.scores > 0.8].labels == ("dog", "grass")
    assert instances.boxes_xyxy[1].tolist() == [2, 0, 5, 4]
    assert instances.dense_masks().sum() == instances.areas.sum()
    assert instances.filter(min_area=13).labels == ("grass",)
    assert instances.sorted_by_score().labels == ("grass", "dog", "cat")
    assert len(instances + instances) == 6


def test_merging_different_sizes_is_refused(result: Result) -> None:
    with pytest.raises(UsageError, match="cannot be merged"):
        result.instances + Instances((), (1, 1))
