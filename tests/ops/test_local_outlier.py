from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.ops.local_outlier import find_outliers, outlier_factors, repair


def slow_factors(points: np.ndarray, neighbors: int) -> np.ndarray:
    """LOF with a point's own k-distance as every reach distance."""
    distance = ((points[:, None] - points[None]) ** 2).sum(-1)
    order = [[j for j in np.argsort(row) if j != i][:neighbors] for i, row in enumerate(distance)]
    reach = np.array([distance[i, near[-1]] for i, near in enumerate(order)])
    density = 1 / reach
    return np.array([density[near].mean() / density[i] for i, near in enumerate(order)])


def test_factors_equal_the_slow_twin_for_every_image_of_a_batch() -> None:
    points = np.random.default_rng(0).normal(size=(3, 40, 6))
    ours = outlier_factors(torch.from_numpy(points), 5)
    expected = np.stack([slow_factors(image, 5) for image in points])
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-4)


def test_a_far_point_is_found() -> None:
    points = torch.randn(1, 50, 4, generator=torch.Generator().manual_seed(0))
    points[0, 17] += 20
    found = find_outliers(outlier_factors(points, 10), 0.95)[0].nonzero()[:, 0].tolist()
    assert 17 in found and len(found) <= 3


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_points_are_not_outliers_of_infinite_measure(count: int) -> None:
    factors = outlier_factors(torch.zeros(2, count, 3))
    assert factors.shape == (2, count) and torch.isfinite(factors).all()
    assert not find_outliers(factors).any()


def test_repair_takes_the_mean_of_sound_neighbors() -> None:
    rng = np.random.default_rng(1)
    rows, columns = 3, 5
    tokens = rng.random((2, rows * columns, 4))
    bad = rng.random((2, rows * columns)) > 0.6
    bad[0, [0, 1, 5, 6]] = True
    ours = repair(torch.from_numpy(tokens), torch.from_numpy(bad), (rows, columns)).numpy()
    for image in range(2):
        for place in range(rows * columns):
            y, x = divmod(place, columns)
            around = [
                v * columns + u
                for v in range(max(0, y - 1), min(rows, y + 2))
                for u in range(max(0, x - 1), min(columns, x + 2))
                if not bad[image, v * columns + u]
            ]
            expected = tokens[image, place]
            if bad[image, place] and around:
                expected = tokens[image, around].mean(0)
            np.testing.assert_allclose(ours[image, place], expected)
