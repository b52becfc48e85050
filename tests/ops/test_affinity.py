"""Affinity maths against obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lexiseg.ops.affinity import (
    box_masks,
    boxes_to_mask,
    map_boxes,
    refine,
    sinkhorn,
    symmetric_affinity,
)

maps = st.integers(0, 2**31).map(
    lambda seed: np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
)


def test_sinkhorn_normalizes_columns_then_rows() -> None:
    matrix = torch.rand(5, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    expected = matrix.clone()
    for _ in range(2):
        for j in range(5):
            expected[:, j] /= expected[:, j].sum()
        for i in range(5):
            expected[i] /= expected[i].sum()
    torch.testing.assert_close(sinkhorn(matrix, rounds=2), expected)
    torch.testing.assert_close(sinkhorn(matrix).sum(1), torch.ones(5))


def test_refining_equals_the_squared_affinity_with_masked_columns() -> None:
    generator = torch.Generator().manual_seed(1)
    affinity = symmetric_affinity(torch.rand(12, 12, generator=generator))
    cams = torch.rand(3, 12, generator=generator)
    boxes = (torch.rand(3, 12, generator=generator) > 0.5).float()
    squared = affinity @ affinity
    for cam, box, refined in zip(cams, boxes, refine(affinity, cams, boxes), strict=True):
        torch.testing.assert_close(refined, (squared * box[None, :]) @ cam)


@pytest.mark.parametrize("times", [0, 1, 3])
def test_refining_raises_the_affinity_to_a_power(times: int) -> None:
    generator = torch.Generator().manual_seed(2)
    affinity = symmetric_affinity(torch.rand(9, 9, generator=generator))
    cams = torch.rand(2, 9, generator=generator)
    power = torch.linalg.matrix_power(affinity, times)
    refined = refine(affinity, cams, torch.ones(2, 9), times)
    torch.testing.assert_close(refined, cams @ power)


def test_boxes_leave_out_the_last_row_and_column() -> None:
    everything = np.full((4, 5), 200, np.uint8)
    assert map_boxes(everything, 0.5).tolist() == [[0, 0, 4, 3]]
    inner = np.zeros((4, 5), np.uint8)
    inner[1:3, 1:3] = 9
    assert map_boxes(inner, 0.5).tolist() == [[1, 1, 3, 3]]


def test_the_threshold_is_strict_and_cut_to_an_integer() -> None:
    level = np.array([[0, 127, 128, 255, 0, 0]], np.uint8).repeat(3, axis=0)
    assert map_boxes(level, 0.5).tolist() == [[2, 0, 4, 2]]  # int(127.5) = 127 is not above


def test_the_threshold_sinks_until_something_passes() -> None:
    level = np.zeros((4, 4), np.uint8)
    level[1, 1] = 100
    assert map_boxes(level, 1.0).tolist() == [[1, 1, 2, 2]]


def test_an_empty_map_has_no_box() -> None:
    assert map_boxes(np.zeros((3, 3), np.uint8), 0.4).shape == (0, 4)
    assert not box_masks(torch.zeros(2, 9), (3, 3), 0.4).any()


@settings(deadline=None)
@given(maps, st.sampled_from([0.2, 0.4, 0.7]))
def test_every_strong_token_off_the_edge_is_inside(
    level: NDArray[np.uint8], threshold: float
) -> None:
    mask = boxes_to_mask(map_boxes(level, threshold), level.shape)
    strong = level > int(threshold * level.max())
    assert mask[:-1, :-1][strong[:-1, :-1]].all()
    assert not mask[-1].any() and not mask[:, -1].any()


@settings(deadline=None, max_examples=20)
@given(maps)
def test_masks_of_many_maps_are_those_of_each(level: NDArray[np.uint8]) -> None:
    soft = torch.from_numpy(level.astype(np.float32) / 255).flatten()
    stacked = box_masks(torch.stack([soft, 0 * soft, soft]), level.shape, 0.4)
    single = boxes_to_mask(map_boxes((soft * 255).byte().numpy().reshape(6, 8), 0.4), (6, 8))
    np.testing.assert_array_equal(stacked[0].numpy().reshape(6, 8), single)
    assert not stacked[1].any()
    assert torch.equal(stacked[0], stacked[2])


def test_box_masks_follow_the_maps_type() -> None:
    assert box_masks(torch.rand(2, 12, dtype=torch.float64), (3, 4), 0.5).dtype == torch.float64


def test_no_maps_give_no_masks() -> None:
    assert box_masks(torch.zeros(0, 12), (3, 4), 0.5).shape == (0, 12)


def test_sinkhorn_keeps_a_balanced_matrix() -> None:
    balanced = torch.full((4, 4), 0.25)
    assert sinkhorn(balanced) == pytest.approx(balanced)
