"""High-dimensional Gaussian filtering on the permutohedral lattice (Adams et al., 2010).

A point set with ``d`` features per point is *splatted* onto the vertices of the lattice simplex
around each point, *blurred* along the ``d + 1`` lattice directions, and *sliced* back. Features
are given in units of the Gaussian's standard deviation.

Lattice vertices are numbered by sorting one packed integer per (point, vertex) pair, so that the
whole construction consists of a sort and binary searches, and neighbours lie close in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lexiseg.errors import UsageError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_INT64_BITS = 63


@dataclass(frozen=True)
class Simplices:
    """Where each point lies in the lattice.

    Attributes:
        vertex_keys: (d + 1, N) int64, the packed lattice coordinates of the simplex's vertices;
            row ``r`` holds the vertex of remainder class ``r``.
        weights: (d + 1, N) float32 barycentric weights, in the same order.
        packing: how keys were packed, needed to find neighbours.
    """

    vertex_keys: IntArray
    weights: FloatArray
    packing: Packing


@dataclass(frozen=True)
class Packing:
    """Mixed-radix layout of lattice coordinates ``1..d`` and the remainder class in one integer.

    Coordinate 0 is implied, since the coordinates of a lattice point sum to zero. The remainder
    class is the most significant digit, so that shifting a class by a constant keeps its order.

    Attributes:
        strides: value of one step of each coordinate ``0..d`` (0 for the implied coordinate).
        class_stride: value of one remainder class, i.e. the size of the coordinate space.
        origin: smallest coordinate represented, per coordinate.
    """

    strides: tuple[int, ...]
    class_stride: int
    origin: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Number of bits that every key fits in."""
        return (self.class_stride * len(self.strides)).bit_length()

    def step(self, direction: int, remainder: int) -> int:
        """Return what to add to a key of this remainder class to move along a direction."""
        if remainder < len(self.strides) - 1:
            return self.class_stride - self.strides[direction]
        wrap = sum(self.strides) - self.strides[direction]
        return wrap - remainder * self.class_stride


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
    # The blur of the lattice has a standard deviation of sqrt(2/3) (d + 1) lattice units.
    deviation = float(np.float32(np.sqrt(2 / 3) * (dim + 1)))
    for axis in range(dim, 0, -1):
        scale = np.float32(1 / np.sqrt(axis * (axis + 1)) * deviation)
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
    packing = _pack_layout(cell_int)
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


def _pack_layout(cell: NDArray[np.int32]) -> Packing:
    # A vertex lies up to one step below its cell, a neighbour one step beyond on either side.
    low = cell.min(axis=1) - 2
    extent = [int(n) for n in cell.max(axis=1) + 2 - low]
    strides, stride = [0] * len(cell), 1
    for axis in range(1, len(cell)):
        strides[axis] = stride
        stride *= extent[axis]
    packing = Packing(tuple(strides), stride, tuple(int(n) for n in low))
    if packing.bits > _INT64_BITS:
        raise UsageError(
            f"The features span {packing.bits} bits of lattice coordinates but at most "
            f"{_INT64_BITS} can be numbered; use larger standard deviations."
        )
    return packing


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
        order, first = _sort_keys(simplices.vertex_keys, simplices.packing)
        starts = np.flatnonzero(first)
        vertices = np.empty(size * count, np.int32)
        vertices[order] = np.cumsum(first, dtype=np.int32) - 1
        gain = np.float32(1 / (1 + 2.0 ** (1 - size)))
        self._splat = sparse.csr_array(
            (
                simplices.weights.ravel()[order],
                (order % count).astype(np.int32),
                np.append(starts, size * count).astype(np.int32),
            ),
            shape=(len(starts), count),
        )
        self._slice = sparse.csr_array(
            (
                simplices.weights.T.ravel() * gain,
                vertices.reshape(size, count).T.ravel(),
                np.arange(0, size * count + 1, size, dtype=np.int32),
            ),
            shape=(count, len(starts)),
        )
        keys = simplices.vertex_keys.ravel()[order[starts]]
        self._blurs = [_blur_matrix(keys, simplices.packing, axis) for axis in range(size)]

    def filter(self, values: FloatArray) -> FloatArray:
        """Filter every channel with the Gaussian.

        Args:
            values: (N, C) float32.

        Returns:
            (N, C) float32, each value the Gaussian-weighted sum over all points (self included).
        """
        blurred = self._splat @ values
        for blur in self._blurs:
            blurred = blur @ blurred
        filtered: FloatArray = self._slice @ blurred
        return filtered

    def scale(self, factor: FloatArray, weight: float = 1.0) -> None:
        """Turn the filter ``K`` into ``weight * diag(factor) K diag(factor)``, in place.

        Args:
            factor: (N,) float32, applied to the points before and after filtering.
            weight: applied to the result.
        """
        self._splat.data *= factor[self._splat.indices]
        self._slice.data *= np.repeat(factor * np.float32(weight), np.diff(self._slice.indptr))


def _sort_keys(keys: IntArray, packing: Packing) -> tuple[IntArray, NDArray[np.bool_]]:
    """Sort all keys; return the order and where a key differs from the one before."""
    flat = keys.ravel()
    index_bits = int(flat.size).bit_length()
    if packing.bits + index_bits <= _INT64_BITS:
        # One in-place sort of (key, index) pairs is several times faster than an argsort.
        joined = (flat << index_bits) | np.arange(flat.size)
        joined.sort()
        order = joined & ((1 << index_bits) - 1)
        ordered = joined >> index_bits
    else:
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
    first = np.empty(flat.size, np.bool_)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return order, first


def _blur_matrix(keys: IntArray, packing: Packing, direction: int) -> sparse.csr_array:
    """Return the matrix of the (1/2, 1, 1/2) blur; absent neighbours count as zero."""
    count = len(keys)
    remainder = keys // packing.class_stride
    steps = np.array([packing.step(direction, r) for r in range(len(packing.strides))])
    wanted = keys + steps[remainder]
    found = np.minimum(np.searchsorted(keys, wanted), count - 1)
    source = np.flatnonzero(keys[found] == wanted)
    target = found[source]
    half = np.full(len(source), 0.5, np.float32)
    ahead = sparse.coo_array((half, (source, target)), shape=(count, count))
    return sparse.csr_array(sparse.eye_array(count, dtype=np.float32) + ahead + ahead.T)
