"""Attention inside windows with a learned bias for every relative offset (TinyViT)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowAttention(nn.Module):
    """Self-attention of the cells of one window.

    One bias per head and per absolute offset (rows apart, columns apart) is added to the logits,
    as in LeViT (Graham et al. 2021).

    Args:
        width: channels.
        heads: number of heads.
        window: cells along one side of a window.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window**2))
        self.window = window

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend within each window.

        Args:
            tokens: (windows, window**2, width), row by row.
        """
        count, length, width = tokens.shape
        # Each head's query, key and value lie side by side, unlike in most transformers.
        packed = self.qkv(self.norm(tokens)).view(count, length, self.heads, 3, width // self.heads)
        query, key, value = packed.permute(3, 0, 2, 1, 4)
        bias = self.attention_biases[:, offset_index(self.window, tokens.device)]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(count, length, width))
        return out


def offset_index(window: int, device: torch.device | str = "cpu") -> Tensor:
    """Where the bias of two cells of a window is stored.

    Args:
        window: cells along one side.
        device: where the table is made.

    Returns:
        (window**2, window**2) int64: rows apart times `window` plus columns apart.

    Example:
        >>> offset_index(2).tolist()
        [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    """
    cell = torch.arange(window**2, device=device)
    row, column = cell // window, cell % window
    rows_apart = (row[:, None] - row[None]).abs()
    columns_apart = (column[:, None] - column[None]).abs()
    return rows_apart * window + columns_apart


def split_windows(maps: Tensor, window: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut (B, H, W, C) maps into windows, with zeros beyond the right and bottom edges.

    Returns:
        (B * windows, window**2, C) tokens, and the padded (height, width).
    """
    batch, height, width, channels = maps.shape
    below, right = -height % window, -width % window
    padded = F.pad(maps, (0, 0, 0, right, 0, below)) if below or right else maps
    rows, columns = (height + below) // window, (width + right) // window
    split = padded.view(batch, rows, window, columns, window, channels).transpose(2, 3)
    return split.reshape(-1, window**2, channels), (rows * window, columns * window)


def join_windows(tokens: Tensor, padded_hw: tuple[int, int], size_hw: tuple[int, int]) -> Tensor:
    """Undo `split_windows`: (B, H, W, C) maps of `size_hw`."""
    window = round(tokens.shape[1] ** 0.5)
    rows, columns = padded_hw[0] // window, padded_hw[1] // window
    joined = tokens.view(-1, rows, columns, window, window, tokens.shape[-1]).transpose(2, 3)
    maps = joined.reshape(-1, *padded_hw, tokens.shape[-1])
    return maps[:, : size_hw[0], : size_hw[1]]
