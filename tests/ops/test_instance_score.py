from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from lexiseg.ops import instance_score as module
from lexiseg.ops.instance_score import (
    HistogramRule,
    dense_enough,
    instance_scores,
    main_cluster,
    mean_shift,
    score_histograms,
)

seeds = st.integers(0, 10_000)


def points_of(seed: int, count: int = 30, bins: int = 6) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    centers = rng.dirichlet(np.ones(bins), 3)
    chosen = centers[rng.integers(0, 3, count)] + 0.05 * rng.random((count, bins))
    return torch.from_numpy(chosen / chosen.sum(1, keepdims=True))


def slow_kernel(points: torch.Tensor, bandwidth: float) -> np.ndarray:
    x = points.numpy()
    squared = ((x[:, None] - x[None]) ** 2).sum(-1)
    return np.exp(-squared / (2 * bandwidth**2))


@given(
    seed=seeds,
    cells=st.sampled_from(["foreground", "mask"]),
    divisor=st.sampled_from(["counted", "mask"]),
    low=st.sampled_from([0.0, 0.1]),
)
@settings(max_examples=20, deadline=None)
def test_histograms_equal_numpys(seed, cells, divisor, low) -> None:
    rng = np.random.default_rng(seed)
    scores, masks, fore = rng.random(80), rng.random((6, 80)) > 0.5, rng.random(80) > 0.4
    scores[:2] = 0.0, 1.0
    masks[0] = masks[1] = False
    masks[1, 7] = fore[7] = True  # of one cell
    rule = HistogramRule(bins=8, cells=cells, divisor=divisor, low=low)
    ours = score_histograms(*map(torch.from_numpy, (masks, scores, fore)), rule).numpy()
    for mask, row in zip(masks, ours, strict=True):
        counted = mask & fore if cells == "foreground" else mask
        counts, _ = np.histogram(scores[counted].clip(low), bins=8, range=(low, 1))
        number = counted.sum() if divisor == "counted" else mask.sum()
        np.testing.assert_allclose(row, counts / max(1, number), atol=1e-12)


@given(seed=seeds, bandwidth=st.sampled_from([0.1, 0.5]), rows=st.sampled_from([7, 1024]))
@settings(max_examples=10, deadline=None)
def test_density_is_the_mean_of_the_kernel(seed, bandwidth, rows) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "KERNEL_ROWS", rows)
        points = points_of(seed)
        ours = instance_scores(points, bandwidth).numpy()
    expected = slow_kernel(points, bandwidth).mean(1)
    np.testing.assert_allclose(ours, expected, atol=1e-12)
    assert (ours > 1 / len(points)).all() and (ours <= 1 + 1e-12).all()


def test_order_of_masks_does_not_matter() -> None:
    points = points_of(0)
    order = torch.randperm(len(points))
    torch.testing.assert_close(instance_scores(points)[order], instance_scores(points[order]))


def test_each_density_rule() -> None:
    density = torch.tensor([0.5, 0.8, 0.725, 0.73], dtype=torch.float64)
    assert dense_enough(density).tolist() == [False, True, True, True]
    assert not dense_enough(density, "absolute").any()
    assert dense_enough(density, "absolute-or-best").tolist() == [False, True, False, False]
    assert dense_enough(density, "quantile", 0.5).tolist() == [False, True, False, True]
    assert dense_enough(density[:0]).shape == (0,)


@given(seed=seeds, min_kernel=st.sampled_from([0.9, 0.97, 0.999]))
@settings(max_examples=15, deadline=None)
def test_main_cluster_equals_graph_components(seed, min_kernel) -> None:
    points = points_of(seed)
    graph = slow_kernel(points, 0.5) >= min_kernel
    count, labels = connected_components(graph, directed=False)
    density = instance_scores(points)
    sizes = np.bincount(labels, minlength=count)
    sums = np.bincount(labels, density.numpy(), minlength=count)
    largest = main_cluster(points, density, min_kernel=min_kernel).numpy()
    densest = main_cluster(points, density, "densest", min_kernel).numpy()
    np.testing.assert_array_equal(largest, labels == sizes.argmax())
    np.testing.assert_array_equal(densest, labels == sums.argmax())


def test_no_points_have_no_cluster() -> None:
    nothing = torch.zeros(0, 40)
    assert instance_scores(nothing).shape == (0,)
    assert main_cluster(nothing, torch.zeros(0)).shape == (0,)


def test_mean_shift_gathers_each_group_at_its_mode() -> None:
    rng = np.random.default_rng(1)
    spread = 0.02 * rng.random((20, 4))
    points = torch.from_numpy(np.repeat([[1.0, 0, 0, 0], [0, 0, 0, 1.0]], 10, 0) + spread)
    ends = mean_shift(points, bandwidth=0.1, steps=40)
    first, second = ends[:10], ends[10:]
    assert (first - first[0]).abs().max() < 1e-6 and (second - second[0]).abs().max() < 1e-6
    assert (first[0] - second[0]).norm() > 1
    assert mean_shift(points, steps=0) is points
