"""High-dimensional Gaussian filtering on the permutohedral lattice (Adams et al., 2010).

A point set with ``d`` features per point is *splatted* onto the vertices of the lattice simplex
around each point, *blurred* along the ``d + 1`` lattice directions, and *sliced* back. Features
are given in units of the Gaussian's standard deviation.

Lattice vertices are numbered by sorting one packed integer per (point, vertex) pair, so that the
whole construction consists of a sort and binary searches, and neighbors lie close in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lexiseg.ops.lattice_packing import Packing

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Simplices:
    """Where each point lies in the lattice.

    Attributes:
        vertex_keys: (d + 1, N) int64, the packed lattice coordinates of the simplex's vertices;
            row ``r`` holds the vertex of remainder class ``r``.
        weights: (d + 1, N) float32 barycentric weights, in the same order.
        packing: how keys were packed, needed to find neighbors.
    """

    vertex_keys: IntArray
    weights: FloatArray
    packing: Packing


def axis_scales(dim: int) -> list[np.float32]:
    """Return the scale of each feature axis (Adams et al., 2010, equation 2).

    The blur of the lattice has a standard deviation of ``sqrt(2/3) (d + 1)`` lattice units.
    """
    deviation = float(np.float32(np.sqrt(2 / 3) * (dim + 1)))
    return [np.float32(deviation / np.sqrt(i * (i + 1))) for i in range(1, dim + 1)]


def elevate(features: FloatArray) -> FloatArray:
    """Map points onto the hyperplane that carries the lattice (Adams et al., section 3.1).

    Args:
        features: (d, N) float32, in standard deviations.

    Returns:
        (d + 1, N) float32 coordinates that sum to zero.
    """
    dim, count = features.shape
    elevated = np.empty((dim + 1, count), np.float32)
    total = np.zeros(count, np.float32)
    for axis, scale in reversed(list(enumerate(axis_scales(dim), start=1))):
        scaled = features[axis - 1] * scale
        elevated[axis] = total - np.float32(axis) * scaled
        total += scaled
    elevated[0] = total
    return elevated


def locate(features: FloatArray) -> Simplices:
    """Find the enclosing simplex and the barycentric weights of each point.

    Args:
        features: (d, N) float32, in standard deviations.

    Raises:
        UsageError: if the features span more of the lattice than 63 bits can number.
    """
    elevated = elevate(features)
    size = len(elevated)
    cell = np.rint(elevated * np.float32(1 / size))
    shift = cell.sum(axis=0).astype(np.int8)
    offset = elevated - cell * np.float32(size)
    rank = _descending_rank(offset) + shift
    wrap = (rank < 0).astype(np.int8) - (rank >= size)
    rank += wrap * np.int8(size)
    offset -= wrap * np.float32(size)
    cell_int = cell.astype(np.int32) + wrap
    packing = Packing.covering(cell_int.min(axis=1).tolist(), cell_int.max(axis=1).tolist())
    by_rank = _inverse_permutation(rank)
    return Simplices(
        _vertex_keys(cell_int, by_rank, packing), _barycentric(offset, by_rank), packing
    )


def _descending_rank(values: FloatArray) -> NDArray[np.int8]:
    """Rank the rows of each column, largest first; of equal values the earlier row is first."""
    size = len(values)
    rank = np.zeros(values.shape, np.int8)
    for i in range(size):
        for j in range(i + 1, size):
            smaller = (values[i] < values[j]).view(np.int8)
            rank[i] += smaller
            rank[j] += 1 - smaller
    return rank


def _inverse_permutation(rank: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return, for each rank, the row that has it."""
    inverse = np.empty_like(rank)
    rows = np.broadcast_to(np.arange(len(rank), dtype=np.int8)[:, None], rank.shape)
    np.put_along_axis(inverse, rank.astype(np.intp), rows, axis=0)
    return inverse


def _vertex_keys(cell: NDArray[np.int32], by_rank: NDArray[np.int8], packing: Packing) -> IntArray:
    strides = np.array(packing.strides, np.int64)
    keys = np.empty(cell.shape, np.int64)
    keys[0] = 0
    for axis in range(1, len(cell)):
        keys[0] += (cell[axis] - packing.origin[axis]) * strides[axis]
    for remainder in range(1, len(cell)):
        # From one class to the next, the coordinate of the next higher rank drops by d + 1.
        dropped = strides[by_rank[len(cell) - remainder]]
        keys[remainder] = keys[remainder - 1] + packing.class_stride - dropped
    return keys


def _barycentric(offset: FloatArray, by_rank: NDArray[np.int8]) -> FloatArray:
    size = len(offset)
    ordered = np.take_along_axis(offset, by_rank.astype(np.intp), axis=0)
    ordered *= np.float32(1 / size)
    weights = np.empty_like(ordered)
    weights[0] = ordered[-1] + np.float32(1) - ordered[0]
    for remainder in range(1, size):
        weights[remainder] = ordered[size - 1 - remainder] - ordered[size - remainder]
    return weights


class PermutohedralLattice:
    """A lattice built for one set of points, which filters any number of value channels."""

    def __init__(self, features: FloatArray) -> None:
        """Build the lattice.

        Args:
            features: (d, N) float32 positions in standard deviations of the Gaussian.
        """
        simplices = locate(np.asarray(features, np.float32))
        size, count = simplices.vertex_keys.shape
        order, first = _sort_keys(simplices.vertex_keys.ravel(), simplices.packing)
        starts = np.flatnonzero(first)
        vertices = np.empty(size * count, np.int32)
        vertices[order] = np.cumsum(first, dtype=np.int32) - 1
        # Points are kept in the order of their first vertex: then points that share vertices
        # are close in memory, which about halves the time of splatting and slicing.
        self._arrange = order[:count]
        self._restore = np.empty_like(self._arrange)
        self._restore[self._arrange] = np.arange(count)
        self._splat = sparse.csr_array(
            (
                simplices.weights.ravel()[order],
                self._restore[order % count].astype(np.int32),
                np.append(starts, size * count).astype(np.int32),
            ),
            shape=(len(starts), count),
        )
        gain = np.float32(1 / (1 + 2.0 ** (1 - size)))
        self._slice = sparse.csr_array(
            (
                simplices.weights[:, self._arrange].T.ravel() * gain,
                vertices.reshape(size, count)[:, self._arrange].T.ravel(),
                np.arange(0, size * count + 1, size, dtype=np.int32),
            ),
            shape=(count, len(starts)),
        )
        keys = simplices.vertex_keys.ravel()[order[starts]]
        self._blurs = [_blur_matrix(keys, simplices.packing, axis) for axis in range(size)]

    def filter(self, values: FloatArray) -> FloatArray:
        """Filter every channel with the Gaussian.

        Args:
            values: (C, N) float32.

        Returns:
            (C, N) float32, each value the Gaussian-weighted sum over all points (self included).
        """
        rows = self._splat @ values.T.take(self._arrange, axis=0)
        for blur in self._blurs:
            rows = blur @ rows
        filtered: FloatArray = self._slice @ rows
        return filtered.take(self._restore, axis=0).T

    def scale(self, factor: FloatArray, weight: float = 1.0) -> None:
        """Turn the filter ``K`` into ``weight * diag(factor) K diag(factor)``, in place.

        Args:
            factor: (N,) float32, applied to the points before and after filtering.
            weight: applied to the result.
        """
        factor = factor[self._arrange]
        self._splat.data *= factor[self._splat.indices]
        self._slice.data *= np.repeat(factor * np.float32(weight), np.diff(self._slice.indptr))


def _sort_keys(flat: IntArray, packing: Packing) -> tuple[IntArray, NDArray[np.bool_]]:
    """Sort all keys; return the order and where a key differs from the one before."""
    if packing.can_join(flat.size):
        joined = packing.join(flat)
        joined.sort()
        ordered, order = packing.split(joined)
    else:
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
    first = np.empty(flat.size, np.bool_)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return order, first


def _blur_matrix(keys: IntArray, packing: Packing, direction: int) -> sparse.csr_array:
    """Return the matrix of the (1/2, 1, 1/2) blur; absent neighbors count as zero."""
    count = len(keys)
    remainder = keys // packing.class_stride
    steps = np.array([packing.step(direction, r) for r in range(len(packing.strides))])
    wanted = keys + steps[remainder]
    found = np.minimum(np.searchsorted(keys, wanted), count - 1)
    source = np.flatnonzero(keys[found] == wanted)
    behind = np.full(count, -1, np.int32)
    behind[found[source]] = source
    follower = np.flatnonzero(behind >= 0)
    # Each row lists the vertex behind, the vertex itself and the one ahead, as far as present.
    length = np.ones(count, np.int32)
    length[source] += 1
    length[follower] += 1
    indptr = np.zeros(count + 1, np.int32)
    np.cumsum(length, out=indptr[1:])
    itself = indptr[:-1] + (behind >= 0)
    indices = np.empty(indptr[-1], np.int32)
    indices[itself] = np.arange(count)
    indices[indptr[follower]] = behind[follower]
    indices[itself[source] + 1] = found[source]
    weights = np.full(indptr[-1], 0.5, np.float32)
    weights[itself] = 1
    return sparse.csr_array((weights, indices, indptr), shape=(count, count))
