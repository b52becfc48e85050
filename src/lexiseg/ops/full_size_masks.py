"""Mask logits at the size of the picture, made strip by strip, so that memory stays bounded.

A network's masks are resized to its frame, cut to the picture in it, and resized to the picture,
all bilinearly. Both axes are independent: columns are done for all rows of the small masks, rows
when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from lexiseg.ops.windows import bilinear_matrix
from lexiseg.types import Frame

STRIP_ELEMENTS = 2**23  # logits that exist at the same time, 32 MB in float32


class FullSizeMasks:
    """Masks of a picture.

    Args:
        logits: (Q, h, w), over the whole frame.
        frame: where the picture lies in it.

    Example:
        >>> import torch
        >>> masks = FullSizeMasks(torch.zeros(5, 8, 8), Frame((60, 90), (20, 30), (32, 32)))
        >>> masks.full(torch.tensor([0, 3])).shape
        torch.Size([2, 60, 90])
    """

    def __init__(self, logits: Tensor, frame: Frame) -> None:
        content_height, content_width = frame.content_hw
        height, width = frame.image_hw
        self.size_hw = frame.image_hw
        wide = _resize_columns(logits.float(), frame.frame_hw[1])[..., :content_width]
        self._halfway = _resize_columns(wide, width)
        to_frame = bilinear_matrix(frame.frame_hw[0], logits.shape[1])
        rows = bilinear_matrix(height, content_height) @ to_frame[:content_height]
        same = rows.shape[0] == rows.shape[1] and bool((rows.diagonal() == 1).all())
        self._rows = None if same else rows.to(wide)

    def __len__(self) -> int:
        return len(self._halfway)

    def strips(
        self, chosen: Tensor | None = None, depth: int = 0
    ) -> Iterator[tuple[slice, Tensor]]:
        """Consecutive rows of the picture and their logits (n, rows, W).

        Args:
            chosen: (n,) int64, which masks; None for all.
            depth: how many maps the caller makes of a strip, if they are more than the masks.
        """
        halfway = self._halfway if chosen is None else self._halfway[chosen]
        most = max(1, len(halfway), depth) * halfway.shape[2]
        rows = max(1, STRIP_ELEMENTS // most)
        for start in range(0, self.size_hw[0], rows):
            part = slice(start, min(start + rows, self.size_hw[0]))
            yield part, self._make(halfway, part)

    def full(self, chosen: Tensor) -> Tensor:
        """Whole logits (n, H, W) of some masks."""
        return self._make(self._halfway[chosen], slice(None))

    def _make(self, halfway: Tensor, part: slice) -> Tensor:
        """Rows of the picture, from those rows of the small masks that matter for them."""
        if self._rows is None:
            return halfway[:, part]
        weights = self._rows[part]
        used = weights.any(dim=0).nonzero()[:, 0]
        near = slice(int(used[0]), int(used[-1]) + 1)
        return weights[:, near] @ halfway[:, near]


def _resize_columns(maps: Tensor, width: int) -> Tensor:
    """(Q, h, w) to (Q, h, width)."""
    if not len(maps):
        return maps.new_zeros(0, maps.shape[1], width)
    if maps.shape[2] == width:
        return maps
    return F.interpolate(maps, size=width, mode="linear", align_corners=False)
