"""The backbone as the training reads it: class token and the keys of the last block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import ViTModel
from transformers.models.vit.modeling_vit import ViTAttention, ViTLayer

# DINO's pictures are normalised with the statistics of ImageNet.
IMAGE_MEAN, IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PatchReadings:
    """What is read from a batch of B pictures with N patches."""

    cls: Tensor  # (B, D) after the final norm
    keys: Tensor  # (B, N, D) of the last block


def load_backbone(folder: Path) -> ViTModel:
    """A backbone in single precision from a folder in Hugging Face's format."""
    model: ViTModel = ViTModel.from_pretrained(
        folder, local_files_only=True, add_pooling_layer=False, dtype=torch.float32
    )
    return model.requires_grad_(False)


def read(backbone: ViTModel, pixels: Tensor, kept: Tensor | None = None) -> PatchReadings:
    """Run the backbone once for both readings; the last block works for the class token alone.

    Args:
        backbone: of any size; its position table is resized to the pictures.
        pixels: (B, 3, h, w) in [0, 1].
        kept: (B, n) numbers of the patches to look at; None for all.
    """
    tokens = backbone.embeddings(normalize(pixels), interpolate_pos_encoding=True)
    if kept is not None:
        tokens = torch.cat([tokens[:, :1], pick(tokens[:, 1:], kept)], dim=1)
    *blocks, last = cast("list[ViTLayer]", list(backbone.layers))
    for block in blocks:
        tokens = block(tokens)
    normed = last.layernorm_before(tokens)
    keys = last.attention.k_proj(normed)
    cls = tokens[:, :1] + gather(last.attention, normed, keys)
    cls = cls + last.mlp(last.layernorm_after(cls))
    return PatchReadings(backbone.layernorm(cls)[:, 0], keys[:, 1:])


def gather(attention: ViTAttention, normed: Tensor, keys: Tensor) -> Tensor:
    """What the class token (B, 1, D) takes from all tokens (B, 1 + N, D) of known keys."""
    heads = (len(normed), -1, attention.num_attention_heads, attention.head_dim)
    query, key, value = (
        part.view(heads).transpose(1, 2)
        for part in (attention.q_proj(normed[:, :1]), keys, attention.v_proj(normed))
    )
    taken = F.scaled_dot_product_attention(query, key, value)
    mixed: Tensor = attention.o_proj(taken.transpose(1, 2).flatten(2))
    return mixed


def pick(rows: Tensor, numbers: Tensor) -> Tensor:
    """Rows (B, n, D) of (B, N, D) by their numbers (B, n)."""
    return rows.gather(1, numbers[..., None].expand(-1, -1, rows.shape[-1]))


def normalize(pixels: Tensor) -> Tensor:
    """From [0, 1] to ImageNet's statistics."""
    mean, std = (
        torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD)
    )
    return (pixels - mean) / std


def resize_positions(table: Tensor, side: int) -> Tensor:
    """A position table (1, 1 + g * g, D) for side x side patches; the class token's row stays."""
    grid = round((table.shape[1] - 1) ** 0.5)
    square = table[:, 1:].mT.reshape(1, -1, grid, grid)
    resized = F.interpolate(square, (side, side), mode="bicubic", align_corners=False)
    return torch.cat([table[:, :1], resized.flatten(2).mT], dim=1)
