from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.ops.permutohedral import PermutohedralLattice
from lexiseg.ops.permutohedral_torch import TorchLattice

F = np.float32


def _slow_simplex(point):
    """Return {vertex: weight} of one point, step by step with single-precision scalars."""
    size = len(point) + 1
    scale = F(math.sqrt(2 / 3) * size)
    elevated, total = [F(0)] * size, F(0)
    for axis in range(size - 1, 0, -1):
        scaled = point[axis - 1] * F(float(scale) / math.sqrt(axis * (axis + 1)))
        elevated[axis] = total - F(axis) * scaled
        total = total + scaled
    elevated[0] = total
    base = [int(np.rint(e * F(1 / size))) * size for e in elevated]
    # The coordinates must sum to zero: move those with the largest rounding error.
    excess = sum(base) // size
    by_error = sorted(range(size), key=lambda i: (-(elevated[i] - F(base[i])), i))
    for i in by_error[size - excess :] if excess > 0 else ():
        base[i] -= size
    for i in by_error[:-excess] if excess < 0 else ():
        base[i] += size
    offset = [elevated[i] - F(base[i]) for i in range(size)]
    order = by_error[-excess:] + by_error[:-excess]  # the moved ones changed ends
    weights = {}
    for remainder in range(size):
        vertex = [b + remainder for b in base]
        for i in order[size - remainder :]:
            vertex[i] -= size
        high = offset[order[size - 1 - remainder]]
        low = offset[order[size - remainder]] if remainder else offset[order[0]] - F(size)
        weights[tuple(vertex)] = F(high - low) / F(size)
    return weights


def _slow_filter(features, values):
    """Splat, blur and slice with one dictionary."""
    simplices = [_slow_simplex(point) for point in features.T.astype(F)]
    size = len(features) + 1
    grid = {}
    for simplex, value in zip(simplices, values.T.astype(np.float64), strict=True):
        for vertex, weight in simplex.items():
            grid[vertex] = grid.get(vertex, 0) + weight * value
    for direction in range(size):
        step = np.ones(size, int)
        step[direction] -= size
        grid = {
            vertex: value
            + 0.5 * grid.get(tuple(np.add(vertex, step).tolist()), 0)
            + 0.5 * grid.get(tuple(np.subtract(vertex, step).tolist()), 0)
            for vertex, value in grid.items()
        }
    gain = 1 / (1 + 2.0 ** -(size - 1))
    return gain * np.array([sum(w * grid[v] for v, w in s.items()) for s in simplices]).T


def _numpy_filter(features, values):
    return PermutohedralLattice(features).filter(values)


def _torch_filter(features, values):
    return TorchLattice(torch.from_numpy(features)).filter(torch.from_numpy(values)).numpy()


FILTERS = pytest.mark.parametrize("filter_points", [_numpy_filter, _torch_filter])


@FILTERS
@settings(deadline=None, max_examples=40)
@given(
    dim=st.integers(1, 5),
    count=st.integers(1, 30),
    spread=st.sampled_from([0.3, 2.0, 20.0]),
    steps=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 2**32 - 1),
)
@example(dim=3, count=200, spread=2.0e4, steps=None, seed=0)  # keys too wide for the joint sort
def test_filter_equals_dictionary_twin(filter_points, dim, count, spread, steps, seed):
    rng = np.random.default_rng(seed)
    features = spread * rng.standard_normal((dim, count))
    if steps:  # points on a grid lie on faces of simplices
        features = np.rint(features) / steps
    features = features.astype(F)
    values = rng.random((2, count), dtype=F)
    expected = _slow_filter(features, values)
    found = filter_points(features, values)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
    assert found.dtype == F


@FILTERS
def test_filter_approximates_the_gaussian(filter_points):
    rng = np.random.default_rng(1)
    features = rng.uniform(0, 6, (2, 600)).astype(F)
    values = np.stack([np.ones(600), features[0]]).astype(F)
    squared = ((features[:, :, None] - features[:, None]) ** 2).sum(0)
    exact = values @ np.exp(-0.5 * squared)
    filtered = filter_points(features, values)
    # The ratio is a weighted mean of the first feature: free of the kernel's overall scale.
    assert np.abs(filtered[1] / filtered[0] - exact[1] / exact[0]).max() < 0.12
    ratio = filtered[0] / exact[0]
    assert ratio.std() / ratio.mean() < 0.1


def test_scale_weighs_points_on_both_sides():
    rng = np.random.default_rng(2)
    features, values = rng.random((3, 50), dtype=F) * 4, rng.random((2, 50), dtype=F)
    factor = rng.random(50, dtype=F)
    plain, scaled = PermutohedralLattice(features), PermutohedralLattice(features)
    on_torch = TorchLattice(torch.from_numpy(features))
    scaled.scale(factor, 2.5)
    on_torch.scale(torch.from_numpy(factor), 2.5)
    expected = 2.5 * factor * plain.filter(factor * values)
    np.testing.assert_allclose(scaled.filter(values), expected, rtol=1e-5)
    np.testing.assert_allclose(on_torch.filter(torch.from_numpy(values)), expected, rtol=1e-5)


@pytest.mark.parametrize("build", [PermutohedralLattice, lambda f: TorchLattice(torch.tensor(f))])
def test_features_spread_too_wide_are_refused(build):
    features = np.random.default_rng(3).uniform(0, 1e5, (5, 10)).astype(F)
    with pytest.raises(UsageError, match="larger standard deviations"):
        build(features)
