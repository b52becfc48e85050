from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.tree_cut import cut_tree, flat_clusters
from lexiseg.ops.ward import MergeTree, ward_tree


def slow_cut(tree: MergeTree, points: np.ndarray, splits: int, bound: float) -> dict[int, set[int]]:
    """Heap id -> points, node by node, with the members written out."""
    n = tree.points
    members = [{i} for i in range(n)]
    for left, right in tree.children.tolist():
        members.append(members[left] | members[right])
    leaves = {0: 2 * n - 2}
    for visit in range(min(splits, n - 1)):
        node = 2 * n - 2 - visit
        name = next((heap for heap, leaf in leaves.items() if leaf == node), None)
        if name is None:
            continue
        left, right = tree.children[node - n].tolist()
        a, b = (points[sorted(members[child])].mean(0) for child in (left, right))
        if visit and a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= bound:
            continue
        del leaves[name]
        leaves |= {2 * name + 1: left, 2 * name + 2: right}
    return {heap: members[leaf] for heap, leaf in leaves.items()}


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 50), st.integers(0, 25), st.floats(-1, 1.5), st.integers(0, 10**6))
def test_cut_is_the_slow_twin(count: int, splits: int, bound: float, seed: int) -> None:
    points = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) + 1
    tree = ward_tree(points)
    cut = cut_tree(tree, points, splits, bound)
    expected = slow_cut(tree, points.double().numpy(), splits, bound)
    found = {
        heap: set((cut.labels == label).nonzero()[:, 0].tolist())
        for label, heap in enumerate(cut.ids)
    }
    assert found == expected
    for label, centroid in enumerate(cut.centroids):
        assert torch.allclose(centroid, points[cut.labels == label].double().mean(0))


def test_flat_clusters_undo_the_last_joins() -> None:
    points = torch.tensor([[0.0], [1.0], [10.0], [11.5]])
    tree = ward_tree(points)
    assert len(set(flat_clusters(tree, 0))) == 1
    assert flat_clusters(tree, 1).tolist() == [4, 4, 5, 5]
    assert flat_clusters(tree, 3).tolist() == [0, 1, 2, 3]


def test_the_root_is_split_however_alike_its_halves() -> None:
    points = torch.tensor([[1.0, 0.0], [1.0, 0.001]])
    assert cut_tree(ward_tree(points), points).ids == (1, 2)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_equal_points_are_one_leaf(count: int) -> None:
    points = torch.full((count, 3), 0.5)
    cut = cut_tree(ward_tree(points), points, max_cosine=1.5)
    assert cut.ids == (0,) and cut.labels.unique().tolist() == [0]
    assert torch.allclose(cut.centroids, torch.full((1, 3), 0.5).double())


def test_a_refused_node_hides_what_is_below() -> None:
    alike = [[1.0, 0.0], [1.0, 0.1], [1.0, 0.3], [1.0, 0.4]]
    points = torch.tensor([*alike, [0.0, 5.0], [0.0, 5.1]])
    cut = cut_tree(ward_tree(points), points, max_cosine=0.9)
    assert sorted(cut.ids) == [1, 2]


def test_deep_ids_stay_whole_numbers() -> None:
    points = (3.0 ** torch.arange(30, dtype=torch.float64))[:, None] * torch.tensor([1.0, 0.0])
    points[::2, 1] = points[::2, 0]
    cut = cut_tree(ward_tree(points), points, max_splits=29, max_cosine=2.0)
    assert len(cut.ids) == 30 and max(cut.ids).bit_length() > 20
