"""Weights that the decoders begin with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lexiseg.models.fc_clip import HeadConfig, ProposalNetwork
from lexiseg.models.fc_clip.config import LEVELS, POINTS

# Queries of the small FC-CLIP, and widths that its few pictures can fill.
SMALL = {
    "width": 96,
    "queries": 30,
    "encoder_layers": 2,
    "encoder_hidden": 256,
    "encoder_heads": 3,
    "decoder_layers": 3,
    "decoder_hidden": 384,
    "decoder_heads": 3,
}


def small_head(channels: tuple[int, int, int, int], embed_dim: int) -> HeadConfig:
    """Sizes of the small head on a CLIP with feature maps and features of these widths."""
    return HeadConfig(channels=channels, embed_dim=embed_dim, **SMALL)


@torch.no_grad()
def begin_decoders(network: ProposalNetwork) -> None:
    """Draw the decoders' weights by Mask2Former's rules: Xavier's, and attention that looks around.

    Args:
        network: its CLIP stays as it is.
    """
    head = network.head
    for module in (network.pixel_decoder, network.mask_decoder):
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1 and "query" not in name and "level_embed" not in name:
                nn.init.xavier_uniform_(parameter)
    nn.init.xavier_uniform_(network.void_embedding.weight)
    for name, parameter in network.pixel_decoder.named_parameters():
        if name.endswith("level_embed"):
            parameter.normal_()
        elif "sampling_offsets" in name:
            start = look_around(head.encoder_heads) if parameter.ndim == 1 else torch.tensor(0.0)
            parameter.copy_(start)
        elif "attention_weights" in name:
            parameter.zero_()


def look_around(heads: int) -> Tensor:
    """First offsets of deformable attention: each head looks another way, each point further.

    Zhu et al. 2021, appendix A.4.

    Args:
        heads: of the attention.

    Returns:
        (heads * levels * points * 2,) float32.
    """
    angles = torch.arange(heads, dtype=torch.float32) * (2 * math.pi / heads)
    ways = torch.stack([angles.cos(), angles.sin()], dim=-1)
    ways = ways / ways.abs().amax(dim=-1, keepdim=True)
    steps = torch.arange(1, POINTS + 1, dtype=torch.float32)[:, None]
    offsets = ways[:, None, None] * steps
    return offsets.expand(heads, LEVELS, POINTS, 2).reshape(-1)
