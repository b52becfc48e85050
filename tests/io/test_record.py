"""Records: exact masks, crash-safe appending."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lexiseg.errors import OutputError, UsageError
from lexiseg.io.record import (
    append_record,
    locate_records,
    read_record_at,
    read_records,
    result_from_record,
    write_record,
)
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result


def test_a_record_holds_everything_it_states(result, tmp_path):
    (path,) = write_record([result, result], tmp_path, name="run")
    first, second = read_records(path)
    for again in (first, second):
        assert again.to_json() == result.to_json()
        assert again.names == result.names
        assert again.path == result.path
        assert again.image is None
        assert [item.is_thing for item in again.instances] == [True, True, True, False, True]
        assert [item.mask for item in again.instances] == [item.mask for item in result.instances]


def test_steps_are_kept_in_files_and_stay_out_of_the_printed_schema(result, tmp_path):
    trace = PresenceTrace([replace(entry, step=2) for entry in result.presence.values()])
    (path,) = write_record([replace(result, presence=trace)], tmp_path, name="run")
    (again,) = read_records(path)
    assert {entry.step for entry in again.presence.values()} == {2}
    printed = result.to_json()
    assert set(printed["presence"][0]) == {"name", "score", "kept", "reason"}
    assert set(printed["instances"][3]) == {"label", "score", "bbox", "area", "segmentation"}


def test_views_with_rules_of_their_own_are_kept(result, tmp_path):
    whole = Mask.from_array(np.ones(result.size_hw, bool))
    half = np.zeros(result.size_hw, bool)
    half[:, :2] = True
    first, second = result.names[:2]
    own = replace(
        result,
        semantic_regions=Instances((Instance(second, 0.5, whole, False),), result.size_hw),
        panoptic_regions=Instances(
            (
                Instance(first, 0.9, Mask.from_array(half)),
                Instance(second, 0.5, Mask.from_array(~half), False),
            ),
            result.size_hw,
        ),
    )
    (path,) = write_record([own, result], tmp_path, name="run")
    again, plain = read_records(path)
    assert np.array_equal(again.semantic.ids, own.semantic.ids)
    assert np.array_equal(again.panoptic.ids, own.panoptic.ids)
    assert [part.is_thing for part in again.panoptic.segments] == [False, True]
    assert plain.semantic_regions is None and plain.panoptic_regions is None


def test_details_and_alternatives_are_kept():
    mask = Mask.from_array(np.ones((2, 3), bool))
    item = Instance(
        "dog", 0.25, mask, details={"io": 0.5, "node": 6}, alternatives=(("cat", 0.125),)
    )
    presence = PresenceTrace([Presence("dog", 0.25, True, "seen")])
    found = Instances((item, Instance("sky", 0.5, mask)), (2, 3))
    result = Result((2, 3), ("dog", "sky"), found, presence, Recipe("car", "mini"))
    record = json.loads(json.dumps(result.to_json()))
    assert record["instances"][0]["alternatives"] == [{"label": "cat", "score": 0.125}]
    assert not {"alternatives", "details"} & set(record["instances"][1])
    again, plain = result_from_record(record).instances
    assert again.details == {"io": 0.5, "node": 6} and again.alternatives == (("cat", 0.125),)
    assert not plain.details and not plain.alternatives


@settings(max_examples=60, deadline=None)
@given(
    arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)),
    st.text(),
    st.floats(0, 1, width=32),
)
def test_any_mask_label_and_score_survive(mask, label, score):
    presence = PresenceTrace([Presence(label, score, True, "")])
    found = Instances((Instance(label, score, Mask.from_array(mask)),), mask.shape)
    result = Result(mask.shape, (label,), found, presence, Recipe("car", "mini"))
    again = result_from_record(json.loads(json.dumps(result.to_json())))
    (item,) = again.instances
    assert np.array_equal(item.mask.to_array(), mask)
    assert item.label == label
    assert abs(item.score - score) <= 5e-7


@pytest.mark.parametrize("cut", [1, 7, 200])
def test_a_torn_last_line_is_dropped_by_the_reader_and_mended_by_the_next(cut, result, tmp_path):
    path = tmp_path / "results.jsonl"
    for _ in range(3):
        append_record(path, result)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    torn = 2 if cut > 1 else 3  # without its line end only, the record is complete
    assert len(list(read_records(path))) == torn
    append_record(path, result)
    assert len(list(read_records(path))) == torn + 1
    assert path.read_bytes() == whole[: len(whole) // 3] * (torn + 1)


def test_each_place_leads_back_to_its_record(result, tmp_path):
    path = tmp_path / "results.jsonl"
    for name in ("é.jpg", "b.jpg", "a longer name.jpg"):
        append_record(path, replace(result, path=tmp_path / name))
        path.write_bytes(path.read_bytes() + b"\n")  # an empty line counts, too
    places = list(locate_records(path))
    assert [one.path for _, one in places] == [one.path for one in read_records(path)]
    for begin, one in places:
        assert read_record_at(path, begin).to_json() == one.to_json()


def test_a_torn_line_longer_than_the_look_back(result, tmp_path):
    path = tmp_path / "results.jsonl"
    append_record(path, result)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"image": "' + b"x" * 200_000)
    append_record(path, result)
    assert path.read_bytes() == whole * 2


@pytest.mark.parametrize("line", [b"garbage", b"[]", b"{}", b'{"size": [2, 2], "instances": 3}'])
def test_a_broken_line_before_the_last_is_named(line, result, tmp_path):
    path = tmp_path / "results.jsonl"
    append_record(path, result)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(UsageError, match="Line 2"):
        list(read_records(path))


def test_absent_and_unwritable_files_are_one_sentence(result, tmp_path):
    with pytest.raises(UsageError, match="absent"):
        list(read_records(tmp_path / "absent.jsonl"))
    with pytest.raises(OutputError):
        append_record(tmp_path, result)
