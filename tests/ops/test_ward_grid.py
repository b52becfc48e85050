from __future__ import annotations

import numpy as np
import pytest

from lexiseg.errors import UsageError
from lexiseg.ops.ward_grid import grid_ward_tree


def touching(cells: set[int], others: set[int], columns: int) -> bool:
    return any(
        (abs(a - b) == columns) or (abs(a - b) == 1 and a // columns == b // columns)
        for a in cells
        for b in others
    )


def slow_tree(points: np.ndarray, columns: int) -> tuple[list[set[int]], list[float]]:
    """Try all touching pairs at every step."""
    clusters = [{cell} for cell in range(len(points))]
    made, heights = [], []
    while len(clusters) > 1:
        best = None
        for i, left in enumerate(clusters):
            for right in clusters[:i]:
                if touching(left, right, columns):
                    a, b = len(left), len(right)
                    gap = points[list(left)].mean(0) - points[list(right)].mean(0)
                    rise = a * b / (a + b) * (gap**2).sum()
                    if best is None or rise < best[0]:
                        best = (rise, left, right)
        rise, left, right = best
        clusters = [c for c in clusters if c not in (left, right)] + [left | right]
        made.append(left | right)
        heights.append(np.sqrt(2 * rise))
    return made, heights


@pytest.mark.parametrize("grid_hw", [(5, 6), (1, 9), (7, 1)])
def test_every_join_is_the_cheapest_of_touching_clusters(grid_hw: tuple[int, int]) -> None:
    points = np.random.default_rng(0).normal(size=(grid_hw[0] * grid_hw[1], 4))
    tree = grid_ward_tree(points, grid_hw)
    expected, heights = slow_tree(points, grid_hw[1])
    members = [{cell} for cell in range(len(points))]
    for left, right in tree.children.tolist():
        members.append(members[left] | members[right])
    assert members[len(points) :] == expected
    np.testing.assert_allclose(tree.heights, heights, rtol=1e-9)


def test_likes_apart_do_not_meet_first() -> None:
    tree = grid_ward_tree(np.array([[0.0], [9.0], [0.0], [9.1]]), (1, 4))
    assert [0, 2] not in tree.children.tolist() and [1, 3] not in tree.children.tolist()


def test_one_cell_and_a_wrong_number_of_points() -> None:
    assert grid_ward_tree(np.zeros((1, 3)), (1, 1)).children.shape == (0, 2)
    with pytest.raises(UsageError, match="5 points"):
        grid_ward_tree(np.zeros((5, 3)), (2, 3))
