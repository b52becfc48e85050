"""Merging with class-agnostic segments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lexiseg.config import override
from lexiseg.methods.car import CaR, SegmentEnsemble
from lexiseg.methods.car.sam_ensemble import intersections, merge_segments, segment_membership
from lexiseg.types import Mask

BoolArray = NDArray[np.bool_]


def strips(*bounds: tuple[int, int]) -> BoolArray:
    """Masks of 4 x 10 pixels that fill columns start..stop."""
    masks = np.zeros((len(bounds), 4, 10), bool)
    for mask, (start, stop) in zip(masks, bounds, strict=True):
        mask[:, start:stop] = True
    return masks


def segments(*bounds: tuple[int, int]) -> list[Mask]:
    return [Mask.from_array(mask) for mask in strips(*bounds)]


def plain_membership(mask: BoolArray, parts: list[Mask], config: SegmentEnsemble) -> list[bool]:
    """The rule, one pair at a time."""
    ioms = []
    for part in parts:
        pixels = part.to_array()
        common = (mask & pixels).sum()
        covered, inside = common / max(mask.sum(), 1), common / max(pixels.sum(), 1)
        ioms.append(max(covered, inside if covered >= config.min_overlap else 0))
    chosen = [iom > config.min_iom for iom in ioms]
    return chosen if any(chosen) else [i == int(np.argmax(ioms)) for i in range(len(ioms))]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.4), st.floats(0.2, 0.9))
def test_membership_equals_the_rule_pair_by_pair(
    seed: int, min_overlap: float, min_iom: float
) -> None:
    rng = np.random.default_rng(seed)
    masks, parts = (rng.random((n, 5, 6)) > 0.6 for n in (3, 4))
    config = SegmentEnsemble(min_overlap, min_iom)
    chosen = [Mask.from_array(part) for part in parts]
    expected = [plain_membership(mask, chosen, config) for mask in masks]
    assert segment_membership(masks, chosen, config).tolist() == expected


def test_a_union_that_agrees_replaces_the_mask() -> None:
    merged = merge_segments(strips((0, 6)), segments((0, 3), (3, 7), (8, 10)), SegmentEnsemble())
    np.testing.assert_array_equal(merged, strips((0, 7)))


def test_a_union_that_disagrees_is_dropped() -> None:
    masks = strips((0, 3))
    merged = merge_segments(masks, segments((0, 10)), SegmentEnsemble(min_iou=0.7))
    np.testing.assert_array_equal(merged, masks)


def test_without_segments_masks_stay() -> None:
    masks = strips((0, 3), (4, 4))
    np.testing.assert_array_equal(merge_segments(masks, [], SegmentEnsemble()), masks)
    assert merge_segments(masks[:0], segments((0, 2)), SegmentEnsemble()).shape == (0, 4, 10)


def test_intersections_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    masks, parts = strips((0, 5), (2, 9)), segments((0, 2), (1, 6), (4, 10))
    expected = [[8, 16, 4], [0, 16, 20]]
    assert intersections(masks, parts).tolist() == expected
    monkeypatch.setattr("lexiseg.methods.car.sam_ensemble.SEGMENT_CHUNK", 2)
    assert intersections(masks, parts).tolist() == expected


def test_a_segmenter_sharpens_the_answer_and_is_asked_once_per_scene(
    car: CaR, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    class Halves:
        calls = 0

        def propose_masks(self, image: NDArray[np.uint8]) -> list[Mask]:
            self.calls += 1
            left = np.zeros(image.shape[:2], bool)
            left[:, : image.shape[1] // 2] = True
            return [Mask.from_array(left), Mask.from_array(~left)]

    config = override(car.config, {"segments.min_iou": 0.0, "max_steps": 0})
    loose = CaR(car.proposal, car.classifier, config, Halves())
    scene = loose.encode(picture())
    result = loose.segment(scene, ["cat", "boat"])
    loose.segment(scene, ["lamp"])
    assert loose.segmenter.calls == 1
    halves = set(loose.segmenter.propose_masks(picture()))
    whole = Mask.from_array(np.ones((52, 75), bool))
    assert len(result.instances) > 0
    assert all(item.mask in halves | {whole} for item in result.instances)


def test_a_segmenter_that_finds_nothing_is_told(
    car: CaR, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    class Blind:
        def propose_masks(self, image: NDArray[np.uint8]) -> list[Mask]:
            return []

    config = override(car.config, {"max_steps": 0})
    with pytest.warns(UserWarning, match=r"lower segmenter\.min_score"):
        result = CaR(car.proposal, car.classifier, config, Blind()).segment(picture(), ["cat"])
    plain = CaR(car.proposal, car.classifier, config).segment(picture(), ["cat"])
    assert result.instances == plain.instances and len(plain.instances) > 0


def test_bounds_of_the_segmenter_are_options() -> None:
    options = {"segmenter.min_score": 0.5, "segmenter.min_stability": 0.6}
    loose = CaR.load("mini", segmenter="mini-sam", **options)
    settings_ = loose.recipe().settings
    assert {name: settings_[name] for name in options} == options
