"""Regions and verdicts of merged nodes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from lexiseg.methods.zero_guidance.merging import Node
from lexiseg.methods.zero_guidance.report import describe_nodes
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.types import Description

LABELS = np.array([[0, 0, 1, 1], [2, 2, 1, 1]], np.int16)
SCENE = SimpleNamespace(segments=Segments(LABELS, (3, 2, 4)), size_hw=(4, 8))  # twice as large


def node(number, leaves, text, score, alternatives=()):
    return Node(
        number, leaves, torch.ones(1), torch.ones(1), Description(text, score, alternatives)
    )


def test_regions_are_as_large_as_the_picture_and_the_largest_comes_first():
    nodes = [node(1, (0, 2), "left", 0.25, ("west",)), node(2, (1,), " right ", 0.5)]
    items = describe_nodes(SCENE, nodes).instances
    assert [item.label for item in items] == ["left", "right"]
    nodes = [node(3, (0,), "small", 0.25), node(2, (1,), "right", 0.5)]
    large, small = describe_nodes(SCENE, nodes).instances
    assert (large.label, large.mask.area) == ("right", 16)
    assert (small.label, small.mask.bbox) == ("small", (0, 0, 4, 2))
    assert small.details == {"node": 3, "leaves": 1, "parent": 1}


def test_what_a_node_says_of_itself():
    (root,) = describe_nodes(SCENE, [node(0, (0, 1, 2), "all", 1.75, ("everything",))]).instances
    assert root.details == {"node": 0, "leaves": 3} and root.score == 1.0
    assert root.alternatives == ("everything",) and root.mask.area == 32
    (silent,) = describe_nodes(SCENE, [node(2, (1,), "  ", -0.5)]).instances
    assert (silent.label, silent.score) == ("unnamed", 0.0)


def test_segments_of_one_name_share_a_verdict():
    nodes = [node(3, (0,), "sky", 0.25), node(4, (2,), "sky", 0.75), node(2, (1,), "sea", 0.5)]
    sea, sky = describe_nodes(SCENE, nodes).presence
    assert (sea.name, sea.score, sea.kept) == ("sea", 0.5, True)
    assert sea.reason == "seen in 1 segment, 50% of the picture"
    assert (sky.name, sky.score, sky.kept) == ("sky", 0.75, True)
    assert sky.reason == "seen in 2 segments, 50% of the picture"


def test_a_node_without_pixels_is_left_out():
    gone = node(9, (5,), "ghost", 1.0)
    answer = describe_nodes(SCENE, [gone, node(2, (1,), "sea", 0.5)])
    assert [item.label for item in answer.instances] == ["sea"]
