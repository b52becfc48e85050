from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lexiseg.errors import UnknownNameError
from lexiseg.types import Instance, Instances, Mask, Result


def test_semantic_view_paints_things_over_stuff_by_score(result: Result) -> None:
    assert result.semantic.ids[0].tolist() == [1, 1, 1, 2, 2, 3]


def test_panoptic_view_has_one_id_per_pixel_and_true_areas(result: Result) -> None:
    panoptic = result.panoptic
    areas = {segment.label: segment.area for segment in panoptic.segments}
    assert areas == {"grass": 4, "cat": 8, "dog": 12}
    assert sum(areas.values()) == np.count_nonzero(panoptic.ids)


def test_json_record_has_the_documented_keys(result: Result) -> None:
    record = result.to_json()
    assert list(record) == [
        "image", "size", "method", "preset", "presence", "instances", "timing_ms",
    ]  # fmt: skip
    assert record["size"] == [4, 6]
    assert list(record["presence"][0]) == ["name", "score", "kept", "reason"]
    assert list(record["instances"][0]) == ["label", "score", "bbox", "area", "segmentation"]
    assert Mask.from_coco(record["instances"][1]["segmentation"]) == result.instances[1].mask


def test_unknown_format_is_named(result: Result, tmp_path) -> None:
    with pytest.raises(UnknownNameError, match="format 'ovrelay'.*did you mean 'overlay'"):
        result.save(tmp_path, formats=["ovrelay"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("formats", ["csv", "csv,json", ["csv"], ("csv", "json"), iter(["json"])])
def test_formats_are_a_comma_list_or_any_collection(result: Result, tmp_path, formats) -> None:
    asked = formats.split(",") if isinstance(formats, str) else list(formats)
    given = formats if isinstance(formats, str | list | tuple) else iter(asked)
    written = result.save(tmp_path, formats=given)
    suffixes = {"csv": ".csv", "json": ".jsonl"}
    assert [path.suffix for path in written] == [suffixes[name] for name in asked]


def test_a_result_is_the_collection_of_its_regions(result: Result) -> None:
    assert len(result) == 3 and [item.label for item in result] == ["dog", "cat", "grass"]
    assert result["cat"].labels == ("cat",) and result[0].label == "dog"
    assert "cat" in result and "zebra" not in result


def test_views_with_rules_of_their_own_replace_the_painting(result: Result) -> None:
    half = np.zeros(result.size_hw, bool)
    half[:, :3] = True
    left = Instance("cat", 0.3, Mask.from_array(half))
    right = Instance("grass", 0.2, Mask.from_array(~half), is_thing=False)
    own = replace(
        result,
        semantic_regions=Instances((left,), result.size_hw),
        panoptic_regions=Instances((left, right), result.size_hw),
    )
    number = own.names.index("cat") + 1
    assert np.array_equal(own.semantic.ids, np.where(half, number, 0))
    assert [(part.label, part.area) for part in own.panoptic.segments] == [
        ("grass", int((~half).sum())),
        ("cat", int(half.sum())),
    ]
    assert own.instances == result.instances
