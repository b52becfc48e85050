"""Ward's clustering of a map in which only clusters that touch may be joined.

Much faster than without connectivity and another algorithm: like things in separate places meet
only after all that lies between them has joined one of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.ops.ward import MergeTree


def grid_ward_tree(points: NDArray[np.floating], grid_hw: tuple[int, int]) -> MergeTree:
    """Join the pair of adjacent clusters that raises the variance least, again and again.

    Args:
        points: (rows * columns, D) float, row by row.
        grid_hw: rows and columns; cells touch above, below, left and right.

    Returns:
        The tree in the order of joining; heights ``sqrt(2 D)`` need not ascend.

    Raises:
        UsageError: the points do not fill the grid.

    Example:
        >>> grid_ward_tree(np.array([[0.0], [5.0], [0.0]]), (1, 3)).children.tolist()
        [[0, 1], [2, 3]]
    """
    if len(points) != grid_hw[0] * grid_hw[1] or not len(points):
        raise UsageError(
            f"Clustering got {len(points)} points for a grid of {grid_hw[0]} x {grid_hw[1]} cells; "
            "give one point for each cell."
        )
    clusters = _TouchingClusters(points, grid_hw)
    children = np.zeros((len(points) - 1, 2), np.int64)
    increases = np.zeros(len(points) - 1)
    for row in range(len(children)):
        increases[row], *pair = clusters.join_nearest()
        children[row] = sorted(pair)
    return MergeTree(children, np.sqrt(2 * increases))


class _TouchingClusters:
    """All clusters ever made, which of them touch, and a queue of pairs."""

    def __init__(self, points: NDArray[np.floating], grid_hw: tuple[int, int]) -> None:
        count = len(points)
        self.means = np.zeros((2 * count - 1, points.shape[1]))
        self.means[:count] = points
        self.sizes = np.ones(2 * count - 1)
        self.made = count
        self.neighbors: dict[int, set[int]] = {cell: set() for cell in range(count)}
        edges = np.array(list(_edges(grid_hw)), np.int64).reshape(-1, 2)
        for left, right in edges.tolist():
            self.neighbors[left].add(right)
            self.neighbors[right].add(left)
        increases = self.increase(edges[:, 0], edges[:, 1]).tolist()
        self.queue = [(d, *edge) for d, edge in zip(increases, edges.tolist(), strict=True)]
        heapq.heapify(self.queue)

    def increase(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """D of pairs of clusters."""
        gap = ((self.means[left] - self.means[right]) ** 2).sum(axis=1)
        rise: NDArray[np.float64] = gap / (1 / self.sizes[left] + 1 / self.sizes[right])
        return rise

    def join_nearest(self) -> tuple[float, int, int]:
        """Join the cheapest pair whose two clusters still exist."""
        while True:
            increase, left, right = heapq.heappop(self.queue)
            if left in self.neighbors and right in self.neighbors:
                self._join(left, right)
                return increase, left, right

    def _join(self, left: int, right: int) -> None:
        node, self.made = self.made, self.made + 1
        total = self.sizes[left] + self.sizes[right]
        share = self.sizes[right] / total
        self.means[node] = (1 - share) * self.means[left] + share * self.means[right]
        self.sizes[node] = total
        around = (self.neighbors.pop(left) | self.neighbors.pop(right)) - {left, right}
        self.neighbors[node] = around
        for other in around:
            self.neighbors[other] -= {left, right}
            self.neighbors[other].add(node)
        others = np.fromiter(around, np.int64, len(around))
        for increase, other in zip(
            self.increase(np.full_like(others, node), others).tolist(),
            others.tolist(),
            strict=True,
        ):
            heapq.heappush(self.queue, (increase, other, node))


def _edges(grid_hw: tuple[int, int]) -> Iterator[tuple[int, int]]:
    cells = np.arange(grid_hw[0] * grid_hw[1]).reshape(grid_hw)
    for first, second in ((cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])):
        yield from zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)
