"""From the frame to the image."""

from __future__ import annotations

import torch
from torch.nn.functional import interpolate

from lexiseg.ops.resizing import resize_from_frame
from lexiseg.types import Frame

LOGITS = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_padding_is_cut_off_at_frame_size():
    frame = Frame((21, 30), (22, 32), (32, 32))
    wide = interpolate(LOGITS, (32, 32), mode="bilinear")[..., :22, :32]
    wanted = interpolate(wide, (21, 30), mode="bilinear")
    torch.testing.assert_close(resize_from_frame(LOGITS, frame, through=True), wanted)


def test_a_stretched_frame_is_scaled_once():
    frame = Frame((21, 30), (32, 32), (32, 32))
    wanted = interpolate(LOGITS, (21, 30), mode="bilinear")
    torch.testing.assert_close(resize_from_frame(LOGITS, frame, through=False), wanted)


def test_any_leading_shape_and_precision():
    frame = Frame((5, 6), (32, 32), (32, 32))
    whole = resize_from_frame(LOGITS, frame, through=True)
    assert torch.equal(resize_from_frame(LOGITS[1, 2], frame, through=True), whole[1, 2])
    half = resize_from_frame(LOGITS.bfloat16(), frame, through=True)
    assert half.dtype == torch.float32
    assert resize_from_frame(LOGITS[:0], frame, through=True).shape == (0, 3, 5, 6)
