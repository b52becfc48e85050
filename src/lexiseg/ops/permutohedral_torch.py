"""The permutohedral lattice of `lexiseg.ops.permutohedral` on torch tensors of any device.

Construction and filtering follow the same steps with the same rounding. Splatting, blurring and
slicing are all sums over short lists of rows, which is what ``embedding_bag`` computes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from lexiseg.ops.lattice_packing import Packing
from lexiseg.ops.permutohedral import axis_scales


class TorchLattice:
    """A lattice built for one set of points, which filters any number of value channels."""

    def __init__(self, features: Tensor) -> None:
        """Build the lattice on the device of the features.

        Args:
            features: (d, N) float32 positions in standard deviations of the Gaussian.

        Raises:
            UsageError: if the features span more of the lattice than 63 bits can number.
        """
        keys, weights, packing = _locate(features)
        size, count = keys.shape
        order, first = _sort_keys(keys.flatten(), packing)
        starts = first.nonzero()[:, 0]
        vertices = torch.empty(size * count, dtype=torch.int32, device=keys.device)
        vertices[order] = (first.cumsum(0) - 1).int()
        # The last bag is empty and stands for every absent neighbor.
        self._splat_points = (order % count).int()
        self._splat_starts = torch.cat([starts, starts.new_tensor([size * count])]).int()
        self._splat_weights = weights.flatten()[order]
        self._blurs = _blur_rows(keys.flatten()[order[starts]], packing)
        # Each of the d + 1 blurs computes twice its (1/2, 1, 1/2) average.
        gain = 1 / (1 + 2.0 ** (1 - size)) / 2**size
        self._slice_vertices = vertices.view(size, count).T.contiguous()
        self._slice_weights = weights.T.contiguous() * gain

    def filter(self, values: Tensor) -> Tensor:
        """Filter every channel with the Gaussian.

        Args:
            values: (C, N) float32.

        Returns:
            (C, N) float32, each value the Gaussian-weighted sum over all points (self included).
        """
        rows = embedding_bag(
            self._splat_points,
            values.T.contiguous(),
            self._splat_starts,
            mode="sum",
            per_sample_weights=self._splat_weights,
        )
        for neighbors in self._blurs:
            rows = embedding_bag(neighbors, rows, mode="sum")
        sliced = embedding_bag(
            self._slice_vertices, rows, mode="sum", per_sample_weights=self._slice_weights
        )
        return sliced.T

    def scale(self, factor: Tensor, weight: float = 1.0) -> None:
        """Turn the filter ``K`` into ``weight * diag(factor) K diag(factor)``, in place.

        Args:
            factor: (N,) float32, applied to the points before and after filtering.
            weight: applied to the result.
        """
        self._splat_weights *= factor[self._splat_points]
        self._slice_weights *= (factor * weight)[:, None]


def _locate(features: Tensor) -> tuple[Tensor, Tensor, Packing]:
    """Find the vertex keys (d + 1, N) and the barycentric weights (d + 1, N) of each point."""
    elevated = _elevate(features)
    size = len(elevated)
    cell = (elevated * torch.tensor(1 / size, device=features.device)).round()
    offset = elevated - cell * size
    rank = _descending_rank(offset) + cell.sum(0).to(torch.int8)
    wrap = (rank < 0).to(torch.int8) - (rank >= size).to(torch.int8)
    rank += wrap * size
    offset -= wrap * float(size)
    cell_int = cell.int() + wrap
    packing = Packing.covering(cell_int.amin(1).tolist(), cell_int.amax(1).tolist())
    rows = torch.arange(size, device=rank.device)[:, None].expand(rank.shape)
    by_rank = torch.empty_like(rows).scatter_(0, rank.long(), rows)
    return _vertex_keys(cell_int, by_rank, packing), _barycentric(offset, by_rank), packing


def _elevate(features: Tensor) -> Tensor:
    elevated = features.new_empty(len(features) + 1, features.shape[1])
    total = torch.zeros_like(features[0])
    for axis, scale in reversed(list(enumerate(axis_scales(len(features)), start=1))):
        scaled = features[axis - 1] * float(scale)
        elevated[axis] = total - axis * scaled
        total += scaled
    elevated[0] = total
    return elevated


def _descending_rank(values: Tensor) -> Tensor:
    """Rank the rows of each column, largest first; of equal values the earlier row is first."""
    rank = torch.zeros_like(values, dtype=torch.int8)
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            smaller = (values[i] < values[j]).to(torch.int8)
            rank[i] += smaller
            rank[j] += 1 - smaller
    return rank


def _vertex_keys(cell: Tensor, by_rank: Tensor, packing: Packing) -> Tensor:
    strides = torch.tensor(packing.strides, device=cell.device)
    keys = torch.zeros(cell.shape, dtype=torch.int64, device=cell.device)
    for axis in range(1, len(cell)):
        keys[0] += (cell[axis] - packing.origin[axis]).long() * packing.strides[axis]
    for remainder in range(1, len(cell)):
        # From one class to the next, the coordinate of the next higher rank drops by d + 1.
        dropped = strides[by_rank[len(cell) - remainder]]
        keys[remainder] = keys[remainder - 1] + packing.class_stride - dropped
    return keys


def _barycentric(offset: Tensor, by_rank: Tensor) -> Tensor:
    ordered = offset.gather(0, by_rank) * torch.tensor(1 / len(offset), device=offset.device)
    weights = torch.empty_like(ordered)
    weights[0] = ordered[-1] + 1 - ordered[0]
    weights[1:] = (ordered[:-1] - ordered[1:]).flip(0)
    return weights


def _sort_keys(keys: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
    """Sort all keys; return the order and where a key differs from the one before."""
    if keys.device.type == "cpu" and packing.can_join(len(keys)):
        # NumPy's in-place sort uses vector instructions and beats torch.sort twentyfold.
        joined = packing.join(keys.numpy())
        joined.sort()
        ordered, order = (torch.from_numpy(part) for part in packing.split(joined))
    else:
        ordered, order = keys.sort(stable=True)
    first = torch.ones(len(keys), dtype=torch.bool, device=keys.device)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:])
    return order, first


def _blur_rows(keys: Tensor, packing: Packing) -> list[Tensor]:
    """List, per direction and vertex, the four rows that sum to twice the (1/2, 1, 1/2) blur.

    Returns:
        One (M + 1, 4) int32 tensor per direction: the vertex itself twice, the one ahead and the
        one behind; M, the empty row, replaces an absent neighbor.
    """
    count, size = len(keys), len(packing.strides)
    itself = torch.arange(count + 1, dtype=torch.int32, device=keys.device)
    remainder = keys // packing.class_stride
    blurs = []
    for direction in range(size):
        steps = torch.tensor([packing.step(direction, r) for r in range(size)], device=keys.device)
        wanted = keys + steps[remainder]
        found = torch.searchsorted(keys, wanted).clamp_(max=count - 1)
        source = (keys[found] == wanted).nonzero()[:, 0]
        ahead, behind = torch.full_like(itself, count), torch.full_like(itself, count)
        ahead[source] = found[source].int()
        behind[found[source]] = source.int()
        blurs.append(torch.stack([itself, itself, ahead, behind], dim=1))
    return blurs
