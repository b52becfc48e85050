"""Normalization layers that several convolutional image encoders share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of every pixel of (B, C, H, W) maps.

    Args:
        channels: C.
        eps: 1e-6 in all of SAM's necks and decoders.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__(channels, eps)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalized (B, C, H, W) maps."""
        last = maps.permute(0, 2, 3, 1)
        normalized = F.layer_norm(last, self.normalized_shape, self.weight, self.bias, self.eps)
        return normalized.permute(0, 3, 1, 2)


@torch.no_grad()
def fold_batch_norms(network: nn.Module) -> None:
    """Merge, in place, each batch normalization into the convolution right before it.

    A fixed normalization is one more affine map per channel, so the output stays the same up to
    rounding and one pass over every feature map is saved. Fold in float32, before the network is
    brought to a lower precision.

    Args:
        network: in evaluation mode; a pair is two consecutive children of one module, the first a
            convolution and the second a batch normalization.
    """
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (before, conv), (after, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, before, fuse_conv_bn_eval(conv, norm))
                setattr(parent, after, nn.Identity())
