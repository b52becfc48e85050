"""Ward's agglomerative clustering without connectivity, by rounds of mutual nearest neighbors.

Joining clusters A and B of a and b points raises the summed squared distance of the points to
their cluster's mean by ``D(A, B) = ab / (a + b) |m_A - m_B|^2`` (Ward 1963). Whatever is joined, no
cluster comes nearer to a third one than its nearer part was, so every pair that are each other's
nearest neighbors can be joined at once: the tree is that of joining the nearest pair again and
again (Murtagh 1983). Only means and sizes are kept, never the n x n distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.errors import UsageError

BLOCK_ELEMENTS = 2**21  # distances held at a time, 8 MB
# Rounding of a float32 distance, in units of the squared norms it is the difference of. The bound
# is 384 half-units for 384 dimensions; sums in blocks stay below a tenth of it.
COARSE_ERROR = 64 * torch.finfo(torch.float32).eps
TIE = 4e-15  # the same for float64, in which closer calls count as ties


@dataclass(frozen=True)
class MergeTree:
    """A full binary tree over n points; points are nodes 0 .. n - 1, join t makes node n + t.

    Attributes:
        children: (n - 1, 2) int64, the two nodes of each join; the last join is the root.
        heights: (n - 1,) float64, ascending unless a connectivity was imposed: the Euclidean
            distance for two points, ``sqrt(2 D)`` in general, as SciPy reports it.
    """

    children: NDArray[np.int64]
    heights: NDArray[np.float64]

    @property
    def points(self) -> int:
        """How many points the tree has."""
        return len(self.children) + 1

    def linkage(self) -> NDArray[np.float64]:
        """The tree as SciPy's (n - 1, 4) matrix: two nodes, height, points below."""
        sizes = np.ones(2 * self.points - 1)
        for row, (left, right) in enumerate(self.children.tolist()):
            sizes[self.points + row] = sizes[left] + sizes[right]
        return np.column_stack([self.children, self.heights, sizes[self.points :]])


def ward_tree(points: Tensor) -> MergeTree:
    """Cluster points by Ward's criterion.

    Neighbors are searched in float32 and, where two are too close to call, in float64; heights are
    float64. Equal points are joined first, at height 0. Apart from the order of ties the result is
    that of ``scipy.cluster.hierarchy.linkage(points, "ward")``, in memory linear in n.

    Args:
        points: (n, D) float, n >= 1, on any device; computed there.

    Returns:
        The tree.

    Raises:
        UsageError: no points, or some are not finite.

    Example:
        >>> tree = ward_tree(torch.tensor([[0.0], [10.0], [1.0]]))
        >>> tree.children.tolist(), tree.heights.round(3).tolist()
        ([[0, 2], [1, 3]], [1.0, 10.97])
    """
    if points.ndim != 2 or 0 in points.shape or not bool(points.isfinite().all()):
        raise UsageError(
            f"Clustering got points of shape {tuple(points.shape)}; give (n, D) finite numbers "
            "with n of at least 1."
        )
    log = MergeLog(len(points))
    clusters = _Clusters(points.detach(), log)
    while clusters.count > 1:
        clusters.join_round()
    return log.tree()


def reduce_dimensions(points: Tensor, dimensions: int) -> Tensor:
    """Points (n, D) in the coordinates of their main axes, (n, min(D, dimensions)), float64."""
    centered = _center(points)
    axes = torch.linalg.eigh(centered.T @ centered).eigenvectors  # ascending
    reduced: Tensor = centered @ axes[:, -dimensions:]
    return reduced


def _center(points: Tensor) -> Tensor:
    exact = points.to(torch.float64, copy=True)
    exact -= exact.mean(dim=0)
    return exact


class MergeLog:
    """Joins in the order they are found.

    Args:
        points: n.
    """

    def __init__(self, points: int) -> None:
        self.points = points
        self.joins = 0
        self._children: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
        self._heights: list[NDArray[np.float64]] = [np.zeros(0)]

    def add(self, children: Tensor, heights: Tensor) -> Tensor:
        """Note joins.

        Args:
            children: (k, 2) int64 nodes.
            heights: (k,) float64.

        Returns:
            (k,) int64, the nodes they make.
        """
        self._children.append(children.cpu().numpy())
        self._heights.append(heights.cpu().numpy())
        start, self.joins = self.points + self.joins, self.joins + len(children)
        return torch.arange(start, self.points + self.joins, device=children.device)

    def tree(self) -> MergeTree:
        """The tree of all joins, numbered by ascending height."""
        children, heights = np.concatenate(self._children), np.concatenate(self._heights)
        for row, pair in enumerate(children - self.points):  # rounding must not turn a join over
            for child in pair[pair >= 0]:
                heights[row] = max(heights[row], heights[child])
        order = heights.argsort(kind="stable")
        number = np.arange(2 * self.points - 1)
        number[self.points + order] = self.points + np.arange(len(order))
        return MergeTree(np.sort(number[children[order]], axis=1), heights[order])


class _Clusters:
    """The clusters that are not joined yet, in the first `count` rows of each array."""

    def __init__(self, points: Tensor, log: MergeLog) -> None:
        self.log = log
        first, sizes, nodes = join_equal(points, log)
        self.count = len(first)
        self.means = _center(points[first])
        # With TF32 switched on by the user float32 products are not what the error bound assumes.
        exact_products = torch.get_float32_matmul_precision() == "highest"
        self.coarse = self.means.to(torch.float32 if exact_products else torch.float64)
        self.norms = self.means.square().sum(dim=1)
        self.sizes = sizes.double()
        self.nodes = nodes
        self.nearest = torch.zeros_like(nodes)
        self.outdated = torch.ones_like(nodes, dtype=torch.bool)  # whose nearest is unknown

    def join_round(self) -> None:
        """Join all mutual nearest neighbors."""
        rows = self.outdated.nonzero()[:, 0]
        self.nearest[rows] = self._find_nearest(rows)
        left, right = self._mutual_pairs()
        self._join(left, right)
        self._close_gaps(right)

    def _mutual_pairs(self) -> tuple[Tensor, Tensor]:
        rows = torch.arange(self.count, device=self.nearest.device)
        mutual = (self.nearest[self.nearest] == rows) & (rows < self.nearest)
        left = rows[mutual]
        if not len(left):  # a ring of ties: the nearest of all pairs is right in any case
            left = self._increase(rows, self.nearest).argmin()[None]
        return left, self.nearest[left]

    def _increase(self, left: Tensor, right: Tensor) -> Tensor:
        """D of pairs, float64."""
        gap = (self.means[left] - self.means[right]).square_().sum(dim=1)
        return gap / (1 / self.sizes[left] + 1 / self.sizes[right])

    def _join(self, left: Tensor, right: Tensor) -> None:
        """Put each joined cluster in its left part's row."""
        heights = (2 * self._increase(left, right)).sqrt()
        pairs = torch.stack([self.nodes[left], self.nodes[right]], dim=1)
        total = self.sizes[left] + self.sizes[right]
        share = (self.sizes[right] / total)[:, None]
        self.means[left] = torch.lerp(self.means[left], self.means[right], share)
        self.coarse[left] = self.means[left].to(self.coarse.dtype)
        self.norms[left] = self.means[left].square().sum(dim=1)
        self.sizes[left] = total
        self.nodes[left] = self.log.add(pairs, heights)
        joined = torch.zeros(self.count, dtype=torch.bool, device=left.device)
        joined[left] = joined[right] = True
        self.outdated = joined[self.nearest]

    def _close_gaps(self, holes: Tensor) -> None:
        """Move the last rows into the holes."""
        before, self.count = self.count, self.count - len(holes)
        kept = torch.arange(before, device=holes.device)
        occupied = torch.ones_like(kept, dtype=torch.bool)
        occupied[holes] = False
        movers = kept[self.count :][occupied[self.count :]]
        holes = holes[holes < self.count]
        kept[movers] = holes
        for name in ("means", "coarse", "norms", "sizes", "nodes", "nearest", "outdated"):
            array = getattr(self, name)
            array[holes] = array[movers]
            setattr(self, name, array[: self.count])
        self.nearest = kept[self.nearest]

    def _find_nearest(self, rows: Tensor) -> Tensor:
        """Row of the nearest other cluster for each of the given rows."""
        size = max(1, BLOCK_ELEMENTS // self.count)
        return torch.cat([self._find_in_block(block) for block in torch.split(rows, size)])

    def _find_in_block(self, rows: Tensor) -> Tensor:
        smallest, index = self._increases(rows, self.coarse).topk(2, dim=1, largest=False)
        largest_weight = 1 / (1 / self.sizes[rows] + 1 / self.sizes.max())
        doubt = COARSE_ERROR * (self.norms[rows] + self.norms.max()) * largest_weight
        unsure = (smallest[:, 1] - smallest[:, 0] <= doubt).nonzero()[:, 0]
        nearest = index[:, 0]
        if len(unsure):
            nearest[unsure] = self._find_exactly(rows[unsure])
        return nearest

    def _find_exactly(self, rows: Tensor) -> Tensor:
        """The same in float64; of ties, the pair that a symmetric order of pairs puts first.

        Some pair is then first for both its members, so that ties do not slow the rounds down.
        """
        increases = self._increases(rows, self.means)
        bound = increases.amin(dim=1, keepdim=True)
        bound = bound + TIE * (bound + self.norms[rows, None])
        scattered = self.nodes * 2654435761 % 2**31
        order = torch.bitwise_xor(scattered[rows, None], scattered) + 1
        return order.masked_fill_(increases > bound, 2**32).argmin(dim=1)

    def _increases(self, rows: Tensor, means: Tensor) -> Tensor:
        """D between some rows and all, infinite to themselves, in the precision of `means`."""
        norms, inverse = self.norms.to(means.dtype), (1 / self.sizes).to(means.dtype)
        block = torch.addmm(norms[None], means[rows], means.T, alpha=-2)
        block += norms[rows, None]
        block /= inverse[rows, None] + inverse
        block.scatter_(1, rows[:, None], torch.inf)
        return block


def join_equal(points: Tensor, log: MergeLog) -> tuple[Tensor, Tensor, Tensor]:
    """Join points that are equal in every bit, at height 0; k of them take k - 1 joins.

    Returns:
        (m,) int64 a point of each distinct value, (m,) int64 how many points have it, (m,) int64
        the node that holds them.
    """
    group = _group_equal(points)
    order = group.argsort(stable=True)
    group = group[order]
    starts = torch.ones_like(group, dtype=torch.bool)
    starts[1:] = group[1:] != group[:-1]
    later = (~starts).nonzero()[:, 0]  # each joins the node made so far
    made = log.points + torch.arange(len(later), device=points.device)
    before = torch.where(starts[later - 1], order[later - 1], made - 1)
    pairs = torch.stack([before, order[later]], dim=1)
    log.add(pairs, torch.zeros(len(later), dtype=torch.float64, device=points.device))
    holders = order.clone()
    holders[later] = made
    first = starts.nonzero()[:, 0]
    last = torch.cat([first[1:], first.new_tensor([len(order)])])
    return order[first], last - first, holders[last - 1]


def _group_equal(points: Tensor) -> Tensor:
    """A number (n,) int64 for each row of (n, D), the same for rows of equal bits."""
    rows = np.ascontiguousarray((points + 0.0).cpu())  # -0.0 becomes 0.0
    bits = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    return torch.from_numpy(np.unique(bits, return_inverse=True)[1]).to(points.device)
