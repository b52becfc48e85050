"""Joining segments that mean the same, upwards along the tree (section 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import torch
import torch.nn.functional as F
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


Pair: TypeAlias = tuple[Node, Node]
Describe: TypeAlias = Callable[[Unions], Sequence[Node]]
Scores: TypeAlias = Mapping[int, float]


@dataclass(frozen=True)
class Merged:
    """What the merging came to.

    Attributes:
        nodes: survivors in ascending id.
        tested: parent id -> score of its two children, in the order of the tests.
    """

    nodes: tuple[Node, ...]
    tested: Mapping[int, float]


class PairTest(Protocol):
    """Decides which pairs of siblings are joined."""

    def __call__(self, pairs: Sequence[Pair], describe: Describe) -> tuple[Scores, Sequence[Node]]:
        """Test all pairs of a level.

        Args:
            pairs: left and right sibling.
            describe: makes the nodes of unions, given as parent id -> leaves.

        Returns:
            Parent id -> how well its children go together, and the unions that pass.
        """
        ...


@dataclass(frozen=True)
class Alike:
    """Siblings join that look and are called alike; only their unions are described.

    Args:
        image_weight: share of the image cosine in the similarity; the rest is the text cosine.
        min_similarity: a pair at least so similar is joined.
    """

    image_weight: float = 0.5
    min_similarity: float = 0.8

    def __call__(self, pairs: Sequence[Pair], describe: Describe) -> tuple[Scores, Sequence[Node]]:
        """See `PairTest`; a score is the similarity."""
        scores = {parent(pair[0].id): similarity(*pair, self.image_weight) for pair in pairs}
        passed = [pair for pair in pairs if scores[parent(pair[0].id)] >= self.min_similarity]
        return scores, describe(unions_of(passed)) if passed else ()


@dataclass(frozen=True)
class BetterTogether:
    """Siblings join whose union fits its own words better than they fit theirs.

    Args:
        combine: makes one score of the siblings' two; `max` and `statistics.fmean` are options of
            the released code.
    """

    combine: Callable[[tuple[float, float]], float]

    def __call__(self, pairs: Sequence[Pair], describe: Describe) -> tuple[Scores, Sequence[Node]]:
        """See `PairTest`; a score is what the union is ahead by, and must be above 0."""
        unions = describe(unions_of(pairs)) if pairs else ()
        scores = {
            union.id: union.description.score
            - self.combine((left.description.score, right.description.score))
            for union, (left, right) in zip(unions, pairs, strict=True)
        }
        return scores, [union for union in unions if scores[union.id] > 0]


def merge_siblings(
    leaves: Sequence[Node], describe: Describe, test: PairTest | None = None, lone: Lone = "rise"
) -> Merged:
    """Merge alike siblings level by level from the bottom.

    A pair is tested once both siblings are alive: leaves, or merged themselves. Where it fails,
    nothing above it can merge. All unions of a level are embedded and named together.

    Args:
        leaves: of the cut tree.
        describe: makes the nodes of unions, given as parent id -> leaves.
        test: decides; None for that of the paper, `Alike`.
        lone: a node whose sibling has no leaf left, because all lost their pixels, can "rise" to
            its parent, which covers the same pixels, or "block" what is above.
    """
    test = test or Alike()
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
        scores, unions = test(pairs, describe)
        tested.update(scores)
        for union in unions:
            del alive[2 * union.id + 1], alive[2 * union.id + 2]
            alive[union.id] = union
    return Merged(tuple(alive[number] for number in sorted(alive)), tested)


def unions_of(pairs: Sequence[Pair]) -> Unions:
    """Parent id -> leaves of both siblings."""
    return {parent(left.id): left.leaves + right.leaves for left, right in pairs}


def unite_namesakes(
    nodes: Sequence[Node], describe: Describe, min_cosine: float
) -> tuple[Node, ...]:
    """Unite nodes that are called alike, wherever they are: the released code's second pass.

    The two whose texts are closest are united, embedded and named afresh, as long as they are
    close enough.

    Args:
        nodes: survivors of the merging.
        describe: makes the nodes of unions, given as id -> leaves.
        min_cosine: least cosine of two texts; 0.95 in the code.

    Returns:
        In ascending id; a union keeps the lower id of its two parts.
    """
    left = sorted(nodes, key=lambda node: node.id)
    while len(left) > 1:
        texts = F.normalize(torch.stack([node.text for node in left]), dim=-1)
        cosines = (texts @ texts.T).fill_diagonal_(-2)
        first, second = sorted(divmod(int(cosines.argmax()), len(left)))
        if cosines[first, second] < min_cosine:
            break
        other = left.pop(second)
        kept = left[first]
        (left[first],) = describe({kept.id: kept.leaves + other.leaves})
    return tuple(left)


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
