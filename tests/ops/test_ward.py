from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage

from lexiseg.errors import UsageError
from lexiseg.ops import ward
from lexiseg.ops.ward import MergeTree, reduce_dimensions, ward_tree


def random_points(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def assert_equal_to_scipy(points: torch.Tensor) -> MergeTree:
    tree, expected = ward_tree(points), linkage(points.double().numpy(), "ward")
    np.testing.assert_allclose(tree.heights, expected[:, 2], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(tree.children, np.sort(expected[:, :2], axis=1))
    return tree


def assert_nearest_pairs_were_joined(points: torch.Tensor, tree: MergeTree) -> None:
    """The definition, step by step: whatever ties decide, every join is of a nearest pair."""
    clusters = {i: point[None] for i, point in enumerate(points.double().numpy())}

    def height(left: int, right: int) -> float:
        a, b = clusters[left], clusters[right]
        gap = np.linalg.norm(a.mean(0) - b.mean(0))
        return float(np.sqrt(2 * len(a) * len(b) / (len(a) + len(b))) * gap)

    for row, (left, right) in enumerate(tree.children.tolist()):
        assert tree.heights[row] == pytest.approx(height(left, right), abs=1e-9)
        nearest = min(height(i, j) for i in clusters for j in clusters if i < j)
        assert tree.heights[row] <= nearest + 1e-9
        joined = np.concatenate([clusters.pop(left), clusters.pop(right)])
        clusters[tree.points + row] = joined


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 10**6))
def test_tree_is_that_of_scipy(count: int, width: int, seed: int) -> None:
    points = random_points(count, width, seed)
    if count == 1:
        assert ward_tree(points).children.shape == (0, 2)
    else:
        assert_equal_to_scipy(points)


def test_columns_may_lie_together_in_memory() -> None:
    points = random_points(6, 40).T
    assert not points.is_contiguous()
    assert_equal_to_scipy(points)


def test_many_points_in_blocks_of_a_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ward, "BLOCK_ELEMENTS", 5000)
    points = torch.nn.functional.normalize(random_points(700, 24) + 3 * torch.eye(24)[0])
    tree = assert_equal_to_scipy(points)
    expected = fcluster(linkage(points.double().numpy(), "ward"), 20, "maxclust")
    ours = fcluster(tree.linkage(), 20, "maxclust")
    assert len(set(zip(expected.tolist(), ours.tolist(), strict=True))) == 20


def test_float64_search_gives_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    points = random_points(120, 5)
    expected = ward_tree(points)
    monkeypatch.setattr(ward, "COARSE_ERROR", float("inf"))
    assert np.array_equal(ward_tree(points).children, expected.children)


@pytest.mark.parametrize("spread", [1e-3, 1e-5])
def test_points_closer_than_float32_tells_apart(spread: float) -> None:
    points = 1 + spread * random_points(80, 6).double()
    points[:40] += 1
    assert_equal_to_scipy(points)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 25), st.integers(1, 3), st.integers(0, 10**6))
def test_ties_are_joined_in_some_right_order(count: int, width: int, seed: int) -> None:
    points = torch.randint(3, (count, width), generator=torch.Generator().manual_seed(seed))
    tree = ward_tree(points.double())
    assert is_valid_linkage(tree.linkage())
    assert_nearest_pairs_were_joined(points, tree)


@pytest.mark.parametrize(
    "points",
    [torch.eye(30), torch.arange(30.0)[:, None], torch.tensor([[0.0], [-0.0], [1.0]])],
    ids=["all equally far", "a line", "signs of zero"],
)
def test_special_ties(points: torch.Tensor) -> None:
    assert_nearest_pairs_were_joined(points, ward_tree(points))


def test_equal_points_are_joined_first_and_fast() -> None:
    points = torch.cat([torch.zeros(2000, 3), torch.ones(1000, 3)])[torch.randperm(3000)]
    tree = ward_tree(points)
    assert (tree.heights[:-1] == 0).all()
    assert tree.heights[-1] == pytest.approx(linkage(points.numpy(), "ward")[-1, 2])
    assert is_valid_linkage(tree.linkage())


def test_coordinates_on_the_main_axes_keep_distances() -> None:
    points = random_points(20, 6)
    reduced = reduce_dimensions(points, 32)
    assert reduced.shape == (20, 6)
    assert torch.allclose(torch.cdist(reduced, reduced), torch.cdist(points, points).double())
    flat = points.clone()
    flat[:, 2:] *= 1e-3
    near = reduce_dimensions(flat, 2)
    assert torch.allclose(torch.cdist(near, near), torch.cdist(flat, flat).double(), atol=1e-2)


@pytest.mark.parametrize(
    "points", [torch.zeros(0, 3), torch.tensor([[torch.nan]]), torch.zeros(3)], ids=str
)
def test_what_cannot_be_clustered_is_refused(points: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="finite"):
        ward_tree(points)
