"""Bring low-resolution logits from a network's frame to the image."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate

from lexiseg.types import Frame


def resize_from_frame(logits: Tensor, frame: Frame, through: bool) -> Tensor:
    """Scale maps that cover a frame to the size of the image inside it (bilinear).

    Args:
        logits: (..., h, w) over the whole frame, padding included.
        frame: geometry.
        through: scale to the frame, cut the padding off and scale again (SAM); otherwise scale
            once, for frames without padding (SAM 2).

    Returns:
        (..., H, W) float32.
    """
    batch = logits.reshape(-1, 1, *logits.shape[-2:]).float()
    if not len(batch):
        return batch.new_zeros(*logits.shape[:-2], *frame.image_hw)
    if through:
        height, width = frame.content_hw
        batch = _resize(batch, frame.frame_hw)[..., :height, :width]
    return _resize(batch, frame.image_hw).reshape(*logits.shape[:-2], *frame.image_hw)


def _resize(batch: Tensor, size_hw: tuple[int, int]) -> Tensor:
    return interpolate(batch, size_hw, mode="bilinear", align_corners=False)
