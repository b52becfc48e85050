"""Merging against a recursive twin on random trees."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.methods.zero_guidance.merging import (
    Alike,
    BetterTogether,
    Node,
    level,
    merge_siblings,
    parent,
    similarity,
    unite_namesakes,
)
from lexiseg.types import Description


def random_node(number, leaves, seed):
    rng = np.random.default_rng([seed, number])
    image, text = torch.from_numpy(rng.normal(1, 0.7, (2, 6)))
    said = Description(f"node {number}", float(rng.uniform(-1, 1)))
    return Node(number, tuple(leaves), image, text, said)


@st.composite
def leaf_ids(draw):
    ids = {0}
    for _ in range(draw(st.integers(0, 12))):
        split = draw(st.sampled_from(sorted(ids)))
        ids = ids - {split} | {2 * split + 1, 2 * split + 2}
    vanished = draw(st.sets(st.sampled_from(sorted(ids)), max_size=2))
    return sorted(ids - vanished) or [0]


def survivors(number, leaf, seed, passes, lone):
    """Members of a subtree after merging: one node if it merged whole."""
    if number in leaf:
        return [random_node(number, [leaf[number]], seed)]
    if number > 4 * max(leaf):
        return []
    below = [
        survivors(child, leaf, seed, passes, lone) for child in (2 * number + 1, 2 * number + 2)
    ]
    if lone == "rise" and [] in below and [len(part) for part in below].count(1) == 1:
        (only,) = below[0] + below[1]
        return [replace(only, id=number)] if parent(only.id) == number else [only]
    whole = all(len(part) == 1 and part[0].id == 2 * number + 1 + i for i, part in enumerate(below))
    if whole:
        union = random_node(number, below[0][0].leaves + below[1][0].leaves, seed)
        if passes(below[0][0], below[1][0], union):
            return [union]
    return below[0] + below[1]


def check_against_recursion(ids, seed, test, passes, lone):
    leaf = {number: position for position, number in enumerate(ids)}
    leaves = [random_node(number, [position], seed) for number, position in leaf.items()]

    def describe(unions):
        return [random_node(number, members, seed) for number, members in unions.items()]

    merged = merge_siblings(leaves, describe, test, lone)
    expected = sorted(survivors(0, leaf, seed, passes, lone), key=lambda node: node.id)
    assert [node.id for node in merged.nodes] == [node.id for node in expected]
    for node, twin in zip(merged.nodes, expected, strict=True):
        assert sorted(node.leaves) == sorted(twin.leaves)
    assert sorted(k for node in merged.nodes for k in node.leaves) == list(range(len(ids)))


@settings(max_examples=60, deadline=None)
@given(
    leaf_ids(),
    st.floats(-1, 1),
    st.integers(0, 99),
    st.sampled_from([0, 0.5, 1]),
    st.sampled_from(["rise", "block"]),
)
def test_equals_the_recursion(ids, bound, seed, weight, lone):
    def passes(left, right, union):
        return similarity(left, right, weight) >= bound

    check_against_recursion(ids, seed, Alike(weight, bound), passes, lone)


@settings(max_examples=40, deadline=None)
@given(leaf_ids(), st.integers(0, 99), st.sampled_from([max, fmean, min]))
def test_unions_that_fit_their_words_better_replace_their_parts(ids, seed, combine):
    def passes(left, right, union):
        apart = combine([left.description.score, right.description.score])
        return union.description.score > apart

    check_against_recursion(ids, seed, BetterTogether(combine), passes, "rise")


def test_only_passed_unions_are_described_and_levels_go_together():
    asked = []

    def describe(unions):
        asked.append(dict(unions))
        return [
            Node(number, members, torch.ones(3), torch.ones(3), Description("same", 1.0))
            for number, members in unions.items()
        ]

    same, other = torch.ones(3), torch.tensor([1.0, -1.0, 0.0])
    leaves = [
        Node(number, (position,), direction, direction, Description("leaf", 1.0))
        for position, (number, direction) in enumerate(
            [(3, same), (4, same), (5, same), (13, same), (14, other)]
        )
    ]
    merged = merge_siblings(leaves, describe)
    assert asked == [{1: (0, 1)}]
    assert [node.id for node in merged.nodes] == [1, 5, 13, 14]
    assert merged.tested == {6: pytest.approx(0), 1: pytest.approx(1)}


def test_a_lone_leaf_meets_its_uncle():
    same = torch.ones(3)
    leaves = [
        Node(number, (place,), same, same, Description("same", 1.0))
        for place, number in enumerate([2, 7])
    ]  # 8, the sibling of 7, and 4, that of 3, have lost their pixels

    def describe(unions):
        return [
            Node(number, members, same, same, Description("all", 1.0))
            for number, members in unions.items()
        ]

    assert [node.id for node in merge_siblings(leaves, describe, lone="block").nodes] == [2, 7]
    (whole,) = merge_siblings(leaves, describe).nodes
    assert whole.id == 0 and sorted(whole.leaves) == [0, 1]


def test_a_single_leaf_stays():
    leaf = random_node(0, [0], 1)
    merged = merge_siblings([leaf], lambda unions: pytest.fail("nothing to describe"))
    assert merged.nodes == (leaf,) and not merged.tested


def test_heap_ids():
    for number in range(1, 200):
        assert number in (2 * parent(number) + 1, 2 * parent(number) + 2)
        assert level(number) == level(parent(number)) + 1
    assert level(2**200) == 200


def named(number, place, angle):
    """A node whose text points in a direction of the plane, in degrees."""
    text = torch.tensor([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    return Node(number, place, torch.ones(2), 3 * text, Description(f"{angle}", 1.0))


def test_namesakes_unite_the_closest_first_and_are_named_afresh():
    asked = []

    def describe(unions):
        asked.append(dict(unions))
        return [named(number, members, 40) for number, members in unions.items()]

    nodes = [named(1, (0,), 0), named(4, (1,), 12), named(9, (2,), 20), named(10, (3,), 90)]
    united = unite_namesakes(nodes, describe, math.cos(math.radians(15)))
    assert asked == [{4: (1, 2)}]  # at 40 degrees it is far from both neighbours
    assert [(node.id, node.leaves) for node in united] == [(1, (0,)), (4, (1, 2)), (10, (3,))]
    wider = unite_namesakes(nodes, describe, math.cos(math.radians(55)))
    assert [(node.id, node.leaves) for node in wider] == [(1, (0, 1, 2, 3))]
    assert unite_namesakes(nodes[:1], describe, 0.0) == (nodes[0],)
    assert unite_namesakes([], describe, 0.0) == ()
