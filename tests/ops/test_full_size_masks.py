from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops import full_size_masks
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.types import Frame


def enlarged(logits: torch.Tensor, frame: Frame) -> torch.Tensor:
    """Step by step, as released."""
    height, width = frame.content_hw
    wide = F.interpolate(logits[None], frame.frame_hw, mode="bilinear", align_corners=False)
    cut = wide[..., :height, :width]
    return F.interpolate(cut, frame.image_hw, mode="bilinear", align_corners=False)[0]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_equal_to_resizing_twice(data: st.DataObject) -> None:
    sides = st.integers(1, 40)
    small = (data.draw(sides), data.draw(sides))
    frame_hw = (4 * small[0], 4 * small[1])
    content = tuple(data.draw(st.integers(1, side)) for side in frame_hw)
    frame = Frame((data.draw(sides), data.draw(sides)), content, frame_hw)
    torch.manual_seed(0)
    logits = torch.randn(3, *small)
    masks = FullSizeMasks(logits, frame)
    expected = enlarged(logits, frame)
    torch.testing.assert_close(masks.full(torch.arange(3)), expected, atol=1e-5, rtol=1e-5)


def test_strips_make_up_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_size_masks, "STRIP_ELEMENTS", 4 * 50 * 7)
    torch.manual_seed(0)
    masks = FullSizeMasks(torch.randn(4, 8, 8), Frame((33, 50), (20, 30), (32, 32)))
    chosen = torch.tensor([2, 0])
    parts = list(masks.strips(chosen))
    assert [part.stop - part.start for part, _ in parts] == [14, 14, 5]
    together = torch.cat([logits for _, logits in parts], dim=1)
    torch.testing.assert_close(together, masks.full(chosen))
    assert [part.stop for part, _ in masks.strips(depth=28)] == [*range(1, 34)]
