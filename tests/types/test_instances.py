from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
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


def test_a_name_is_one_name_and_not_its_letters(result: Result) -> None:
    cat = replace(result.instances[1], label="red car")
    short = [replace(cat, label=label) for label in ("car", "red", "r", "")]
    instances = Instances((cat, *short), result.size_hw)
    assert instances.filter(labels="red car").labels == ("red car",)
    assert instances.filter(labels=["car", "r"]).labels == ("car", "r")
    assert instances.filter(labels=(label for label in ("red", "none"))).labels == ("red",)
    assert instances.filter(labels=[]).labels == ()


def test_lists_of_labels_and_positions_choose_regions(result: Result) -> None:
    instances = result.instances
    assert instances[["grass", "dog"]].labels == ("dog", "grass")
    assert instances[[2, 0]].labels == ("grass", "dog")
    assert instances[np.array([-1])].labels == ("grass",)
    assert instances[[]].labels == () and instances[np.int64(1)].label == "cat"
    assert instances[[True, False, True]].labels == ("dog", "grass")


@pytest.mark.parametrize(
    "index",
    [[True], [True] * 4, np.zeros(2, bool), np.ones((3, 1), bool), [0.5], np.zeros((1, 1), int),
     None, {"dog"}],
)  # fmt: skip
def test_an_index_that_means_nothing_is_refused(result: Result, index: Any) -> None:
    with pytest.raises(UsageError, match="expected 3 truth values"):
        result.instances[index]


def test_a_position_that_is_not_there_is_an_index_error(result: Result) -> None:
    for index in (3, [3], -4):
        with pytest.raises(IndexError):
            result.instances[index]


def test_membership_means_labels_and_regions(result: Result) -> None:
    assert "dog" in result.instances and "do" not in result.instances
    assert result.instances[0] in result.instances and 7 not in result.instances
