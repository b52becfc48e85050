"""Scored regions as candidates, and TIDES' own before it filters."""

from __future__ import annotations

import numpy as np
import pytest

import lexiseg
from lexiseg.analysis.oracles.inputs.ranked import UNFILTERED, candidates_of_regions
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.errors import UsageError
from lexiseg.types import Instance, Instances, Mask
from tests.contracts.method_kinds import load


def region(label: str, score: float, column: int) -> Instance:
    mask = np.zeros((4, 6), bool)
    mask[:, column:] = True
    return Instance(label, score, Mask.from_array(mask))


REGIONS = Instances((region("cat", 0.3, 1), region("dog", 0.8, 2), region("dog", 0.5, 4)), (4, 6))


def test_a_region_is_a_candidate_of_its_class_with_its_score() -> None:
    found = candidates_of_regions(REGIONS, ["dog", "cat", "cow"])
    assert found.classes.tolist() == [
        [pytest.approx(0.8), 0, 0], [pytest.approx(0.5), 0, 0], [0, pytest.approx(0.3), 0],
    ]  # fmt: skip
    assert not found.void.any()
    expected = [item.mask.to_array() for item in (REGIONS[1], REGIONS[2], REGIONS[0])]
    np.testing.assert_array_equal((found.masks > 0).numpy(), expected)


def test_the_surest_are_kept() -> None:
    found = candidates_of_regions(REGIONS, ["dog", "cat"], most=1)
    assert len(found) == 1 and found.classes[0, 0] == pytest.approx(0.8)
    assert len(candidates_of_regions(Instances((), (4, 6)), ["dog"])) == 0


def test_a_name_of_no_class_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="called 'cat'; expected one of the 1 names"):
        candidates_of_regions(REGIONS, ["dog"])


def test_tides_without_its_filters_lists_more_and_all_it_answered() -> None:
    scene = Miniworld("val", 96, seed=3, things=(2, 3))[1]
    names = list(scene.names[:2])
    tides = lexiseg.load("tides", preset="mini", device="cpu", dtype="float32", point_stride=4)
    encoded = tides.encode(scene.image)
    answered = tides.segment(encoded, names).instances
    open_tides = tides.configured(**UNFILTERED["tides"])
    found = candidates_of_regions(open_tides.segment(encoded, names).instances, names)
    assert len(found) > len(answered)
    listed = {(mask > 0).numpy().tobytes() for mask in found.masks}
    assert {item.mask.to_array().tobytes() for item in answered} <= listed


def test_openworldsam_without_its_filters_lists_more_and_all_it_answered(tmp_path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    method, names = load("openworldsam", tmp_path), ["dog", "cat"]
    encoded = method.encode(image)
    free = method.configured(**UNFILTERED["openworldsam"])
    narrow = method.configured(**{**UNFILTERED["openworldsam"], "nms_iou": 0.3})
    answered = narrow.segment(encoded, names).instances
    found = candidates_of_regions(free.segment(encoded, names).instances, names)
    assert len(found) > len(answered) > 0
    listed = {(mask > 0).numpy().tobytes() for mask in found.masks}
    assert {item.mask.to_array().tobytes() for item in answered} <= listed
