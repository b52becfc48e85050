"""MAFT+'s content-dependent transfer: texts look at the picture (Jiao et al. 2024, section 3.3)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from lexiseg.models.fc_clip.mask_decoder import PackedAttention
from lexiseg.ops.sine_positions import sine_positions

Form = Literal["panoptic", "semantic"]


class ContentTransfer(nn.Module):
    """Moves text features towards what a picture shows.

    Args:
        width: of text features.
        form: where the normalization stands. The panoptic model adds what is normalized to the
            texts, the semantic models normalize the sum.
        heads: of the attention.

    Example:
        >>> import torch
        >>> ContentTransfer(16)(torch.zeros(5, 16), torch.zeros(2, 16, 3, 4)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(self, width: int, form: Form = "panoptic", heads: int = 8) -> None:
        super().__init__()
        self.form = form
        self.multihead_attn = PackedAttention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.MLP = nn.Linear(width, width)

    def forward(self, texts: Tensor, cells: Tensor) -> Tensor:
        """Text features for each picture, not normalized.

        Args:
            texts: (K, E).
            cells: (B, E, h, w), a picture's embedded cells.

        Returns:
            (B, K, E).
        """
        asked = texts.expand(len(cells), -1, -1)
        values = cells.flatten(2).transpose(1, 2)
        keys = (cells + sine_positions(cells)).flatten(2).transpose(1, 2)
        seen = self.MLP(self.multihead_attn(asked, keys, values))
        if self.form == "panoptic":
            moved: Tensor = asked + self.norm(seen)
        else:
            moved = self.norm(asked + seen)
        return moved


def mixed_cells(dense: Tensor) -> Tensor:
    """The dense map as MAFT+'s released code hands it to the visual head.

    (B, C, h, w) is reshaped to (B * h * w, C) without moving the channels last, so that what
    counts as a cell is a run of one channel's values; the published weights were trained so.

    Args:
        dense: (B, C, h, w).

    Returns:
        (B, C, h, w), whose channels at a cell are those that the head saw for it.
    """
    batch, channels, height, width = dense.shape
    rows = dense.reshape(batch, height, width, channels)
    return rows.permute(0, 3, 1, 2)
