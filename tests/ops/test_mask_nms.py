from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops import mask_nms
from lexiseg.ops.mask_nms import box_iou, cell_boxes, mask_iou, rank, suppress


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / max(1, (a | b).sum())


@pytest.mark.parametrize("cells", [1, 7, 8, 63, 64, 65, 200])
@pytest.mark.parametrize("others", [0, 1, 4])
def test_mask_iou_equals_set_counts(cells: int, others: int) -> None:
    rng = np.random.default_rng(cells)
    masks = rng.random((9, cells)) > 0.5
    masks[3] = False
    ours = mask_iou(torch.from_numpy(masks), torch.from_numpy(masks[:others])).numpy()
    expected = [[slow_iou(a, b) for b in masks[:others]] for a in masks]
    np.testing.assert_allclose(ours, np.reshape(expected, (9, others)), atol=1e-6)


@pytest.mark.parametrize("limit", [2**24, 40, 7])
def test_an_accelerator_counts_the_same_by_products(monkeypatch, limit: int) -> None:
    monkeypatch.setattr(mask_nms, "CHUNK_ELEMENTS", limit)
    masks = torch.rand(9, 70, generator=torch.manual_seed(0)) > 0.5
    by_bits = mask_nms._shared_bits(masks, masks[:4])
    assert torch.equal(mask_nms._shared_products(masks, masks[:4]), by_bits)


def test_boxes_of_masks_and_their_iou() -> None:
    masks = torch.zeros(3, 6, 8, dtype=torch.bool)
    masks[0, 1:3, 2:6] = True
    masks[1, 2:6, 4:8] = True
    boxes = cell_boxes(masks)
    assert boxes.tolist() == [[2, 1, 6, 3], [4, 2, 8, 6], [0, 0, 0, 0]]
    iou = box_iou(boxes, boxes)
    assert float(iou[0, 1]) == pytest.approx(2 / (8 + 16 - 2))
    assert iou[2].tolist() == [0.0, 0.0, 0.0] and float(iou[0, 0]) == 1.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_rank_sorts_like_python(pairs: list[tuple[int, int]]) -> None:
    first, second = (torch.tensor(key, dtype=torch.float32) for key in zip(*pairs, strict=True))
    expected = sorted(range(len(pairs)), key=lambda i: (-pairs[i][0], -pairs[i][1], i))
    assert rank(first, second).tolist() == expected


@given(seed=st.integers(0, 999), block=st.sampled_from([1, 3, 256]))
@settings(max_examples=20, deadline=None)
def test_suppression_equals_the_obvious_loop(seed: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.random((4, 30)) > 0.5
    masks = base[rng.integers(0, 4, 25)] ^ (rng.random((25, 30)) > 0.92)
    order = rng.permutation(25)
    kept: list[int] = []
    for candidate in order:
        if all(slow_iou(masks[candidate], masks[better]) <= 0.7 for better in kept):
            kept.append(int(candidate))
    tensor = torch.from_numpy(masks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mask_nms, "BLOCK", block)
        ours = suppress(torch.from_numpy(order), lambda a, b: mask_iou(tensor[a], tensor[b]))
    assert ours.tolist() == kept


def test_nothing_to_suppress() -> None:
    nothing = torch.zeros(0, dtype=torch.long)
    assert suppress(nothing, lambda a, b: torch.zeros(len(a), len(b))).shape == (0,)
