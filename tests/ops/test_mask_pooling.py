from __future__ import annotations

import torch
import torch.nn.functional as F

from lexiseg.ops.mask_pooling import pool_masks, resize_masks


def test_mean_over_the_cells_of_each_mask() -> None:
    torch.manual_seed(0)
    features, logits = torch.randn(2, 5, 3, 4), torch.randn(2, 6, 12, 16)
    pooled = pool_masks(features, logits)
    small = F.interpolate(logits, (3, 4), mode="bilinear", align_corners=False)
    for image in range(2):
        for mask in range(6):
            cells = features[image][:, small[image, mask] > 0]
            torch.testing.assert_close(pooled[image, mask], cells.mean(dim=1))


def test_logits_are_resized_before_they_are_cut() -> None:
    logits = torch.tensor([[[[3.0, -1.0]]]])
    assert pool_masks(torch.ones(1, 1, 1, 1), logits).item() == 1  # their mean is positive
    assert pool_masks(torch.ones(1, 1, 1, 1), -logits).item() == 0


def test_a_mask_without_a_cell_is_zero() -> None:
    assert not pool_masks(torch.ones(1, 3, 2, 2), -torch.ones(1, 1, 2, 2)).any()


def test_masks_of_the_right_size_stay_as_they_are() -> None:
    logits = torch.randn(1, 2, 3, 4)
    assert resize_masks(logits, (3, 4)) is logits
