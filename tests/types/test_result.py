from __future__ import annotations

import numpy as np
import pytest

from lexiseg.errors import UnknownNameError, UsageError
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


def test_semantic_view_paints_things_over_stuff_by_score(result: Result) -> None:
    assert result.semantic.ids[0].tolist() == [1, 1, 1, 2, 2, 3]


def test_panoptic_view_has_one_id_per_pixel_and_true_areas(result: Result) -> None:
    panoptic = result.panoptic
    areas = {segment.label: segment.area for segment in panoptic.segments}
    assert areas == {"grass": 4, "cat": 8, "dog": 12}
    assert sum(areas.values()) == np.count_nonzero(panoptic.ids)


def test_presence_is_a_mapping_with_verdicts(result: Result) -> None:
    assert not result.presence["zebra"].kept
    assert result.presence.kept == ("dog", "cat", "grass")


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


def test_json_record_has_the_documented_keys(result: Result) -> None:
    record = result.to_json()
    assert list(record) == [
        "image", "size", "method", "preset", "presence", "instances", "timing_ms",
    ]  # fmt: skip
    assert record["size"] == [4, 6]
    assert list(record["presence"][0]) == ["name", "score", "kept", "reason"]
    assert list(record["instances"][0]) == ["label", "score", "bbox", "area", "segmentation"]
    assert Mask.from_coco(record["instances"][1]["segmentation"]) == box_mask(2, 5)


def test_unknown_format_is_named(result: Result, tmp_path) -> None:
    with pytest.raises(UnknownNameError, match="format 'ovrelay'.*did you mean 'overlay'"):
        result.save(tmp_path, formats=["ovrelay"])
    assert list(tmp_path.iterdir()) == []
