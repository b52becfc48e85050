"""Joining segments that mean the same, upwards along the tree (section 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from lexiseg.types import Description

Unions: TypeAlias = Mapping[int, tuple[int, ...]]
Lone: TypeAlias = Literal["rise", "block"]


@dataclass(frozen=True)
class Node:
    """A node of the tree with its embedding and its words.

    Attributes:
        id: heap id; its parent is (id - 1) // 2.
        leaves: labels of the segments it unites.
        image: (E,) CLIP embedding of the region; its length does not matter.
        text: (E,) CLIP embedding of its description, the same.
        description: what it was called.
    """

    id: int
    leaves: tuple[int, ...]
    image: Tensor
    text: Tensor
    description: Description


@dataclass(frozen=True)
class Merged:
    """What the merging came to.

    Attributes:
        nodes: survivors in ascending id.
        tested: parent id -> similarity of its two children, in the order of the tests.
    """

    nodes: tuple[Node, ...]
    tested: Mapping[int, float]


def merge_siblings(
    leaves: Sequence[Node],
    describe: Callable[[Unions], Sequence[Node]],
    image_weight: float = 0.5,
    min_similarity: float = 0.8,
    lone: Lone = "rise",
) -> Merged:
    """Merge alike siblings level by level from the bottom.

    A pair is tested once both siblings are alive: leaves, or merged themselves. Where it fails,
    nothing above it can merge. All unions of a level are embedded and named together, and only
    those that passed.

    Args:
        leaves: of the cut tree.
        describe: makes the nodes of unions, given as parent id -> leaves.
        image_weight: share of the image cosine in the similarity; the rest is the text cosine.
        min_similarity: a pair at least so similar is merged.
        lone: a node whose sibling has no leaf left, because all lost their pixels, can "rise" to
            its parent, which covers the same pixels, or "block" what is above.
    """
    alive = {node.id: node for node in leaves}
    tested: dict[int, float] = {}
    for depth in range(max(map(level, alive), default=0), 0, -1):
        if lone == "rise":
            alive = {node.id: node for node in _raise_lone(alive.values(), depth)}
        pairs = [
            (alive[left], alive[left + 1])
            for left in sorted(alive)
            if left % 2 and level(left) == depth and left + 1 in alive
        ]
        scores = {parent(pair[0].id): similarity(*pair, image_weight) for pair in pairs}
        tested.update(scores)
        joined = [pair for pair in pairs if scores[parent(pair[0].id)] >= min_similarity]
        unions = {parent(left.id): left.leaves + right.leaves for left, right in joined}
        for left, right in joined:
            del alive[left.id], alive[right.id]
        if unions:
            alive.update((node.id, node) for node in describe(unions))
    return Merged(tuple(alive[number] for number in sorted(alive)), tested)


def _raise_lone(nodes: Iterable[Node], depth: int) -> Iterator[Node]:
    """Put nodes of this depth without a partner in the place of their parents."""
    nodes = list(nodes)
    there = {ancestor(node.id, depth) for node in nodes if level(node.id) >= depth}
    for node in nodes:
        has_partner = level(node.id) != depth or sibling(node.id) in there
        yield node if has_partner else replace(node, id=parent(node.id))


def level(node: int) -> int:
    """Depth of a heap id; the root's is 0.

    Example:
        >>> [level(node) for node in range(7)]
        [0, 1, 1, 2, 2, 2, 2]
    """
    return (node + 1).bit_length() - 1


def parent(node: int) -> int:
    """Heap id of the node above.

    Example:
        >>> [parent(node) for node in range(1, 7)]
        [0, 0, 1, 1, 2, 2]
    """
    return (node - 1) // 2


def sibling(node: int) -> int:
    """Heap id of the other child of the parent.

    Example:
        >>> [sibling(node) for node in range(1, 7)]
        [2, 1, 4, 3, 6, 5]
    """
    return node + 1 if node % 2 else node - 1


def ancestor(node: int, depth: int) -> int:
    """Heap id of the node above, or the node itself, that lies at a depth.

    Example:
        >>> [ancestor(node, 1) for node in range(1, 7)]
        [1, 2, 1, 1, 2, 2]
    """
    return ((node + 1) >> (level(node) - depth)) - 1


def similarity(left: Node, right: Node, image_weight: float) -> float:
    """Weighted mean of image and text cosine of two nodes."""
    image = torch.cosine_similarity(left.image, right.image, dim=0)
    text = torch.cosine_similarity(left.text, right.text, dim=0)
    return float(image_weight * image + (1 - image_weight) * text)
