"""Cut a binary tree of clusters from the root down, and name its nodes by heap ids.

Rewatbowornwong et al. 2023, section 3.1 and appendix B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.ops.ward import MergeTree


@dataclass(frozen=True)
class TreeCut:
    """The leaves that a cut leaves.

    Attributes:
        labels: (n,) int64, the leaf of every point.
        ids: heap id of every leaf: the root is 0, node t has the children 2t + 1 and 2t + 2.
        centroids: (m, D) float64, mean of the points of every leaf.
    """

    labels: Tensor
    ids: tuple[int, ...]
    centroids: Tensor


def cut_tree(
    tree: MergeTree, points: Tensor, max_splits: int = 19, max_cosine: float = 0.9
) -> TreeCut:
    """Split the root, then its parts, as long as the halves differ.

    Splits are visited from the last join of the tree to earlier ones. A node is split if it is a
    leaf by then and the cosine of its children's means is below `max_cosine`; the root is split
    whatever the cosine. Children that are equal (a join of height 0) are never taken apart.

    Args:
        tree: over the points.
        points: (n, D) float.
        max_splits: splits that are visited, so that at most one more leaf remains.
        max_cosine: T.

    Returns:
        The leaves in the order of their ids.

    Example:
        >>> from lexiseg.ops.ward import ward_tree
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])
        >>> cut = cut_tree(ward_tree(points), points)
        >>> cut.labels.tolist(), cut.ids
        ([1, 0, 1], (1, 2))
    """
    splits = min(max_splits, len(tree.children))
    top = flat_clusters(tree, splits)
    means = _node_means(tree, splits, top, points)
    root = 2 * tree.points - 2
    heap = {root: 0}
    leaves = {root}
    for row in _visited(tree, splits):
        node, (left, right) = tree.points + row, tree.children[row].tolist()
        heap[left], heap[right] = 2 * heap[node] + 1, 2 * heap[node] + 2
        differ = node == root or _cosine(means[left], means[right]) < max_cosine
        if node in leaves and differ and tree.heights[row] > 0:
            leaves = leaves - {node} | {left, right}
    ordered = sorted(leaves, key=heap.__getitem__)
    labels = _labels_of(tree, splits, top, ordered)
    return TreeCut(
        torch.from_numpy(labels).to(points.device),
        tuple(heap[leaf] for leaf in ordered),
        torch.stack([means[leaf][0] for leaf in ordered]),
    )


def sibling_cosines(tree: MergeTree, points: Tensor, splits: int) -> NDArray[np.float64]:
    """Cosine (splits,) of the children's means for the last joins of a tree, the last one first."""
    splits = min(splits, len(tree.children))
    means = _node_means(tree, splits, flat_clusters(tree, splits), points)
    pairs = (tree.children[row].tolist() for row in _visited(tree, splits))
    return np.array([_cosine(means[left], means[right]) for left, right in pairs])


def _visited(tree: MergeTree, splits: int) -> range:
    """Rows of the joins that are undone, the last one first."""
    joins = len(tree.children)
    return range(joins - 1, joins - 1 - splits, -1)


def flat_clusters(tree: MergeTree, splits: int) -> NDArray[np.int64]:
    """The node (n,) that holds each point once the last `splits` joins are undone."""
    joins = len(tree.children)
    holder = np.arange(2 * tree.points - 1)
    for row in reversed(range(joins - splits)):
        holder[tree.children[row]] = holder[tree.points + row]
    return holder[: tree.points]


Mean = tuple[Tensor, int]


def _node_means(
    tree: MergeTree, splits: int, top: NDArray[np.int64], points: Tensor
) -> dict[int, Mean]:
    """Mean and number of points of every node that a visited split touches."""
    nodes, index = np.unique(top, return_inverse=True)
    place = torch.from_numpy(index).to(points.device)
    sums = points.new_zeros(len(nodes), points.shape[1], dtype=torch.float64)
    sums.index_add_(0, place, points.double())
    counts = np.bincount(index).tolist()
    means = {
        node: (total / count, count)
        for node, total, count in zip(nodes.tolist(), sums, counts, strict=True)
    }
    for row in reversed(_visited(tree, splits)):
        (left, a), (right, b) = (means[child] for child in tree.children[row].tolist())
        means[tree.points + row] = (a * left + b * right) / (a + b), a + b
    return means


def _cosine(left: Mean, right: Mean) -> float:
    return float(torch.cosine_similarity(left[0], right[0], dim=0, eps=1e-30))


def _labels_of(
    tree: MergeTree, splits: int, top: NDArray[np.int64], leaves: list[int]
) -> NDArray[np.int64]:
    """Position in `leaves` of every point's leaf."""
    label = np.full(2 * tree.points - 1, -1)
    label[leaves] = np.arange(len(leaves))
    for row in _visited(tree, splits):
        node = tree.points + row
        if label[node] >= 0:
            label[tree.children[row]] = label[node]
    return label[top]
