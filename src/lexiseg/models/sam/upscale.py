"""Four-fold upscaling of an embedding and its product with mask vectors, without moving maps.

Both transposed convolutions have kernel and stride 2, so each is a matrix product per position;
only the few finished masks are brought into rows and columns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lexiseg.models.sam.modules import Convolution, Upscaler


def fine_features(
    network: Upscaler, features: Tensor, skips: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Upscale an embedding.

    Args:
        network: a mask decoder with `upscale_conv1`, `upscale_layer_norm`, `upscale_conv2` and
            `activation`.
        features: (P, N, C) positions row by row.
        skips: maps to add before each activation, from `nest`: (1, N, 4, C / 4) and
            (1, N, 4, 4, C / 8).

    Returns:
        (P, N, 4, 4, C / 8): for each position its 2 x 2 parts and their 2 x 2 parts.
    """
    half = half_features(network, features, None if skips is None else skips[0])
    fine = _double(network.upscale_conv2, half)
    fine = fine if skips is None else fine.add_(skips[1])
    return network.activation(fine)


def half_features(network: Upscaler, features: Tensor, skip: Tensor | None = None) -> Tensor:
    """The first doubling of `fine_features`.

    Returns:
        (P, N, 4, C / 4).
    """
    norm = network.upscale_layer_norm
    half = _double(network.upscale_conv1, features)
    half = half if skip is None else half.add_(skip)
    half = nn.functional.layer_norm(half, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    return network.activation(half)


def corner_features(network: Upscaler, half: Tensor, corner: tuple[int, int]) -> Tensor:
    """One of the four parts into which `fine_features` divides each cell of half size.

    Args:
        network: as there.
        half: (P, N, 4, C / 4) from `half_features`.
        corner: row and column of the part, 0 or 1.

    Returns:
        (P, N, 4, C / 8).
    """
    convolution = network.upscale_conv2
    weight = convolution.weight[:, :, corner[0], corner[1]]
    fine = nn.functional.linear(half, weight.T, convolution.bias)
    return network.activation(fine)


def _double(convolution: Convolution, features: Tensor) -> Tensor:
    """(..., C) to (..., 4, c): the four outputs of a position, row by row."""
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
    doubled = nn.functional.linear(features, weight, convolution.bias.repeat(4))
    return torch.unflatten(doubled, -1, (4, -1))


def draw_masks(vectors: Tensor, fine: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Mask logits: products of mask vectors with fine features.

    Args:
        vectors: (P, M, c).
        fine: (P, h * w, 4, 4, c) from `fine_features`.
        grid_hw: (h, w).

    Returns:
        (P, M, 4 h, 4 w).
    """
    logits = fine.flatten(1, 3) @ vectors.transpose(1, 2)
    return spread_out(torch.unflatten(logits, 1, (-1, 4, 4)), grid_hw)


def spread_out(fine: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """(P, h * w, 4, 4, c) to a map (P, c, 4 h, 4 w)."""
    height, width = grid_hw
    parts = fine.reshape(len(fine), height, width, 2, 2, 2, 2, -1)
    ordered = parts.permute(0, 7, 1, 3, 5, 2, 4, 6)
    return ordered.reshape(len(fine), fine.shape[-1], 4 * height, 4 * width)


def nest(pixels: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """A map (1, c, 2 h, 2 w) or (1, c, 4 h, 4 w) in the order of `fine_features`.

    Returns:
        (1, h * w, 4, c) or (1, h * w, 4, 4, c).
    """
    nested = pixels.movedim(1, -1)
    while nested.shape[1:3] != grid_hw:
        height, width = nested.shape[1] // 2, nested.shape[2] // 2
        blocks = nested.reshape(len(nested), height, 2, width, 2, *nested.shape[3:])
        nested = blocks.transpose(2, 3).flatten(3, 4)
    return nested.flatten(1, 2)
