"""Matching against a twin that goes through pixels and segments one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.metrics import SegmentMatches, match_segments

CLASSES = 3


@dataclass(frozen=True)
class Piece:
    id: int
    class_index: int
    area: float = 0.0
    crowd: bool = False


def random_image(seed: int, void: int = 0):
    """Maps of few large segments, so that some match; void, crowd and odd areas among them."""
    rng = np.random.default_rng(seed)
    numbers = [void, 5, 70_000, 3, 2**24 - 1]
    truth = np.array(numbers)[rng.integers(0, 5, (2, 3))].repeat(4, 0).repeat(4, 1)
    answer = np.where(rng.random(truth.shape) < 0.2, rng.permutation(numbers)[2], truth)
    listed = [number for number in rng.permutation(numbers[1:]).tolist() if rng.random() < 0.9]
    true = []
    for number in listed:
        grown = int(rng.integers(0, 2) * rng.integers(0, 9))
        area = int((truth == number).sum()) + grown
        true.append(Piece(number, int(rng.integers(CLASSES)), area, bool(rng.random() < 0.25)))
    class_of = {item.id: item.class_index for item in true}
    answered = [
        Piece(number, class_of.get(number, 0) if rng.random() < 0.8 else int(rng.integers(CLASSES)))
        for number in np.unique(answer).tolist()
        if number != void
    ]
    return truth, true, answer, answered


def slow_matches(truth, true, answer, answered, void=0):
    """(pairs with IoU, missed, wrong, ignored) by sets of pixels."""
    where_true = {t.id: set(np.flatnonzero(truth.ravel() == t.id).tolist()) for t in true}
    where_found = {a.id: set(np.flatnonzero(answer.ravel() == a.id).tolist()) for a in answered}
    nowhere = set(np.flatnonzero(truth.ravel() == void).tolist())
    pairs = {}
    for i, t in enumerate(true):
        for j, a in enumerate(answered):
            shared = len(where_true[t.id] & where_found[a.id])
            union = t.area + len(where_found[a.id]) - shared - len(where_found[a.id] & nowhere)
            same = t.class_index == a.class_index and not t.crowd
            if same and shared and shared / union > 0.5:
                pairs[i, j] = shared / union
    missed = [i for i, t in enumerate(true) if not t.crowd and i not in {p[0] for p in pairs}]
    wrong, ignored = [], []
    for j, a in enumerate(answered):
        if j in {p[1] for p in pairs}:
            continue
        excused = where_found[a.id] & nowhere
        crowds = [t for t in true if t.crowd and t.class_index == a.class_index]
        if crowds:
            excused = excused | (where_found[a.id] & where_true[crowds[-1].id])
        mostly = len(excused) / len(where_found[a.id]) > 0.5
        (ignored if mostly else wrong).append(j)
    return pairs, missed, wrong, ignored


def as_parts(found: SegmentMatches):
    pairs = {tuple(p): iou for p, iou in zip(found.pairs.tolist(), found.ious, strict=True)}
    return pairs, list(found.missed), list(found.wrong), list(found.ignored)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0, 65535]))
def test_matches_equal_those_of_sets_of_pixels(seed: int, void: int) -> None:
    image = random_image(seed, void)
    assert as_parts(match_segments(*image, void=void)) == slow_matches(*image, void=void)


def test_twin_sees_every_outcome() -> None:
    seen = np.sum([[len(part) for part in slow_matches(*random_image(s))] for s in range(60)], 0)
    assert (seen > 5).all(), seen


def test_half_is_not_enough() -> None:
    truth, answer = np.array([[1, 1, 2]]), np.array([[1, 3, 3]])
    true = [Piece(1, 0, 2), Piece(2, 0, 1)]
    found = match_segments(truth, true, answer, [Piece(1, 0), Piece(3, 0)])
    assert as_parts(found) == ({}, [0, 1], [0, 1], [])


@pytest.mark.parametrize(
    ("answer", "answered", "words"),
    [
        ([[1, 1]], [], "segment 1, which its list of segments lacks"),
        ([[1, 1]], [Piece(1, 0), Piece(2, 0)], "segment 2, of which its map shows no pixel"),
        ([[1, 1]], [Piece(1, 0), Piece(1, 1)], "same number"),
        ([[0, 1]], [Piece(0, 0), Piece(1, 0)], "number 0, which marks pixels without"),
        ([[1, 2**24]], [Piece(1, 0)], "number 16777216"),
        ([[1, -1]], [Piece(1, 0)], "number -1"),
        ([[1], [1]], [Piece(1, 0)], "size"),
    ],
)
def test_maps_that_disagree_with_their_lists_are_named(answer, answered, words) -> None:
    with pytest.raises(UsageError, match=words):
        match_segments(np.array([[1, 1]]), [Piece(1, 0, 2)], np.array(answer), answered)


def test_a_shown_segment_without_area_is_named() -> None:
    with pytest.raises(UsageError, match="True segment 1 has pixels"):
        match_segments(np.array([[1]]), [Piece(1, 0, 0)], np.array([[1]]), [Piece(1, 0)])


def test_no_segments_at_all() -> None:
    empty = np.zeros((2, 2), dtype=np.uint16)
    assert as_parts(match_segments(empty, [], empty, [])) == ({}, [], [], [])
